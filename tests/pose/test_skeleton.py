"""The 49 joints, their parts and where sources keep them."""

import pytest

from masa_mm.pose.skeleton import (
    BODY,
    HAND_JOINTS,
    NAMED_LAYOUTS,
    NUM_JOINTS,
    PARTS,
    SIGN49_JOINTS,
    SOURCE_LAYOUTS,
    describe_joints,
    graph_layout,
    source_layout,
)


def test_parts_divide_the_49_joints():
    joints = [j for part in PARTS for j in range(NUM_JOINTS)[part.joints]]
    assert joints == list(range(49)) and len(set(SIGN49_JOINTS)) == 49


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_parts_graph_is_a_tree_towards_its_centre(part):
    parent = dict(part.edges)
    assert len(parent) == len(part.edges) == part.num_joints - 1 and part.center not in parent
    for joint in parent:
        seen = {joint}
        while joint != part.center:
            joint = parent[joint]
            assert joint not in seen
            seen.add(joint)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_sub_parts_divide_a_part(part):
    joints = sorted(j for sub_part in part.sub_parts for j in sub_part)
    assert joints == list(range(part.num_joints))
    assert {j for edge in part.sub_part_edges for j in edge} == set(range(len(part.sub_parts)))


def test_the_whole_graph_is_a_tree():
    graph = graph_layout()
    assert graph["num_node"] == 49 and len(graph["inward"]) == 48
    assert sorted(child for child, _ in graph["inward"]) == [
        j for j in range(49) if j != BODY.start
    ]


@pytest.mark.parametrize("name", SOURCE_LAYOUTS)
def test_layouts_have_each_joint_once_and_hands_whole(name):
    layout = SOURCE_LAYOUTS[name]
    indices = layout.indices
    assert len(indices) == 49 and max(indices) < layout.num_joints
    hands = indices[: BODY.start]
    assert len(set(hands)) == 42 and min(hands) >= 0
    assert len(layout.missing) == indices.count(-1)


def test_coco_wholebody_is_the_papers_selection():
    indices = SOURCE_LAYOUTS["coco_wholebody"].indices
    assert indices == (*range(112, 133), *range(91, 112), 0, 5, 7, 9, 6, 8, 10)


def test_hands_only_sources_keep_the_hands_place():
    indices = SOURCE_LAYOUTS["mediapipe_hands"].indices
    names = dict(zip(SIGN49_JOINTS, indices))
    assert names["left_wrist"] == names["left_hand_wrist"] == 0
    assert names["right_wrist"] == names["right_hand_wrist"] == 21
    assert source_layout("mediapipe_hands").missing == (
        "nose",
        "left_shoulder",
        "left_elbow",
        "right_shoulder",
        "right_elbow",
    )


def test_upper_body_sources_lack_nothing():
    names = dict(zip(SIGN49_JOINTS, source_layout("mediapipe_holistic_upper").indices))
    assert [names[name] for name in ("nose", "left_wrist", "right_wrist")] == [0, 5, 6]
    assert names[f"left_hand_{HAND_JOINTS[0]}"] == 11 and names["right_hand_little_4"] == 52
    assert (
        source_layout("mediapipe_holistic_upper").missing
        == source_layout("coco_wholebody").missing
        == ()
    )


def test_holistic_layouts_put_the_same_arrays_together_in_another_order():
    parts = dict(pose=range(33), left=range(100, 121), right=range(200, 221), face=range(300, 768))
    orders = dict(
        mediapipe_holistic=("pose", "left", "right"),
        mediapipe_holistic_face=("pose", "face", "left", "right"),
        mediapipe_holistic_face_first=("face", "left", "pose", "right"),
    )
    for name, order in orders.items():
        joints = [joint for part in order for joint in parts[part]]
        picked = [joints[index] for index in source_layout(name).indices]
        assert picked == [*parts["right"], *parts["left"], 0, 11, 13, 15, 12, 14, 16]


def test_openpose_numbers_the_right_arm_first():
    names = dict(zip(SIGN49_JOINTS, source_layout("openpose_body25_hands").indices))
    assert [names[name] for name in ("nose", "right_shoulder", "right_wrist")] == [0, 2, 4]
    assert [names[name] for name in ("left_shoulder", "left_elbow", "left_wrist")] == [5, 6, 7]
    assert names["left_hand_wrist"] == 25 and names["right_hand_wrist"] == 46


@pytest.mark.parametrize("name", NAMED_LAYOUTS)
def test_namings_have_a_name_for_each_joint(name):
    names = dict(zip(SIGN49_JOINTS, NAMED_LAYOUTS[name], strict=True))
    shared = 2 if name == "pose_format_openpose_135" else 0  # wrists of hands and body
    assert len(set(names.values())) == 49 - shared
    for joint, called in names.items():
        side = joint.split("_")[0]
        if side in ("left", "right"):  # nothing of the one side is called the other
            other = dict(left="right", right="left")[side]
            assert other not in called.lower()
    # OpenPose counts a bone earlier: its DIP is the finger's tip. COCO-WholeBody has numbers.
    ends = ("tip", "_dip", "_ip", "_4", "_8", "_12", "_16", "_20")
    tips = [called.lower() for joint, called in names.items() if joint.endswith("_4")]
    assert len(tips) == 10
    assert all(tip.removesuffix("_right").removesuffix("_left").endswith(ends) for tip in tips)


def test_missing_joints_are_named_by_part():
    assert describe_joints(SIGN49_JOINTS[21:43]) == "the whole left_hand, nose"
    assert describe_joints(["left_elbow", "right_hand_thumb_1"]) == "right_hand_thumb_1, left_elbow"


def test_an_unknown_layout_names_those_there_are():
    with pytest.raises(KeyError, match=r"body_25.*sign49.*coco_wholebody"):
        source_layout("body_25")
