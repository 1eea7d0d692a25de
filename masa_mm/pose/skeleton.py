"""The 49 joints of a sign pose, their parts, and the joint layouts of pose estimators.

Joint order (MASA, section III-A; layout name ``sign49``): right hand 0..20, left hand 21..41,
upper body 42..48. Hand joints run wrist, thumb, index, middle, ring, little, four each from
palm to tip.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from masa_mm.errors import MissingKeyError

HAND_JOINTS = (
    "wrist",
    *(
        f"{finger}_{i}"
        for finger in ("thumb", "index", "middle", "ring", "little")
        for i in range(1, 5)
    ),
)
BODY_JOINTS = (
    "nose",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
)
SIGN49_JOINTS = (
    *(f"right_hand_{name}" for name in HAND_JOINTS),
    *(f"left_hand_{name}" for name in HAND_JOINTS),
    *BODY_JOINTS,
)
NUM_JOINTS = len(SIGN49_JOINTS)


class Part(NamedTuple):
    """A group of joints with its own graph.

    ``edges`` and ``sub_parts`` use part-local joint numbers. Edges point from the tips to the
    centre.
    """

    name: str
    start: int
    num_joints: int
    edges: tuple[tuple[int, int], ...]
    center: int
    sub_parts: tuple[tuple[int, ...], ...]
    sub_part_edges: tuple[tuple[int, int], ...]
    sub_part_center: int

    @property
    def joints(self) -> slice:
        """The part's joints within the 49."""
        return slice(self.start, self.start + self.num_joints)


_HAND_EDGES = tuple(
    (joint, joint - 1 if joint % 4 != 1 else 0) for joint in range(1, len(HAND_JOINTS))
)
# Five fingers, then the palm, which connects them.
_HAND_SUB_PARTS = (
    (2, 3, 4),
    (6, 7, 8),
    (10, 11, 12),
    (14, 15, 16),
    (18, 19, 20),
    (0, 1, 5, 9, 13, 17),
)
_HAND_SUB_PART_EDGES = tuple((finger, 5) for finger in range(5))
_BODY_EDGES = ((3, 2), (2, 1), (1, 0), (6, 5), (5, 4), (4, 0))
_BODY_SUB_PARTS = ((1, 2, 3), (4, 5, 6), (0,))
_BODY_SUB_PART_EDGES = ((0, 2), (1, 2))


def _hand(name: str, start: int) -> Part:
    return Part(name, start, 21, _HAND_EDGES, 0, _HAND_SUB_PARTS, _HAND_SUB_PART_EDGES, 5)


PARTS = (
    _hand("right_hand", 0),
    _hand("left_hand", 21),
    Part("body", 42, 7, _BODY_EDGES, 0, _BODY_SUB_PARTS, _BODY_SUB_PART_EDGES, 2),
)
RIGHT_HAND, LEFT_HAND, BODY = PARTS

# Edges between each hand's root and the body's wrist, which are the same joint detected twice.
WRIST_LINKS = ((RIGHT_HAND.start, BODY.start + 6), (LEFT_HAND.start, BODY.start + 3))
# Pairs of left and right body joints, in part-local numbers.
BODY_MIRROR_PAIRS = ((1, 4), (2, 5), (3, 6))


def graph_layout() -> dict:
    """Return the graph of the 49 joints as a layout of ``mmaction.models.utils.Graph``."""
    inward = [(part.start + i, part.start + j) for part in PARTS for i, j in part.edges] + list(
        WRIST_LINKS
    )
    return dict(num_node=NUM_JOINTS, inward=inward, center=BODY.start)


class SourceLayout(NamedTuple):
    """The joint numbers of a pose estimator for the 49 joints.

    ``right_hand`` and ``left_hand`` list 21 numbers in :data:`HAND_JOINTS` order, ``body`` 7 in
    :data:`BODY_JOINTS` order. None stands for a joint that the source lacks.
    """

    num_joints: int
    right_hand: Sequence[int | None]
    left_hand: Sequence[int | None]
    body: Sequence[int | None]

    @property
    def indices(self) -> tuple[int, ...]:
        """The source's joint number of each of the 49, -1 if it lacks the joint."""
        numbers = (*self.right_hand, *self.left_hand, *self.body)
        return tuple(-1 if number is None else number for number in numbers)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the joints of the 49 that the source lacks."""
        return tuple(name for name, i in zip(SIGN49_JOINTS, self.indices) if i < 0)


# The body joints of OpenPose and MediaPipe in BODY_JOINTS order.
_BODY_25 = (0, 5, 6, 7, 2, 3, 4)
_BLAZE_POSE = (0, 11, 13, 15, 12, 14, 16)

# To add a source, add one entry. "Left" and "right" are the signer's.
SOURCE_LAYOUTS: dict[str, SourceLayout] = {
    "sign49": SourceLayout(49, range(0, 21), range(21, 42), range(42, 49)),
    # MMPose's 133: 17 body, 6 feet, 68 face, left hand, right hand.
    "coco_wholebody": SourceLayout(133, range(112, 133), range(91, 112), (0, 5, 7, 9, 6, 8, 10)),
    # Eleven body joints (nose, then left/right shoulder, elbow, wrist, hip, knee), left hand,
    # right hand.
    "mediapipe_holistic_upper": SourceLayout(
        53, range(32, 53), range(11, 32), (0, 1, 3, 5, 2, 4, 6)
    ),
    # Left hand, right hand. The hands' wrists also serve as the body's, which keeps the hands'
    # position in the image.
    "mediapipe_hands": SourceLayout(
        42, range(21, 42), range(0, 21), (None, None, None, 0, None, None, 21)
    ),
    # 33 pose, left hand, right hand.
    "mediapipe_holistic": SourceLayout(75, range(54, 75), range(33, 54), _BLAZE_POSE),
    # 33 pose, 468 face, left hand, right hand.
    "mediapipe_holistic_face": SourceLayout(543, range(522, 543), range(501, 522), _BLAZE_POSE),
    # 468 face, left hand, 33 pose, right hand: the rows of Kaggle's isolated sign files.
    "mediapipe_holistic_face_first": SourceLayout(
        543, range(522, 543), range(468, 489), tuple(489 + joint for joint in _BLAZE_POSE)
    ),
    # OpenPose: 25 body, left hand, right hand.
    "openpose_body25_hands": SourceLayout(67, range(46, 67), range(25, 46), _BODY_25),
}


def source_layout(name: str) -> SourceLayout:
    """Return the layout of a name.

    Raises:
        MissingKeyError: If there is none; lists the known names.
    """
    if name not in SOURCE_LAYOUTS:
        raise MissingKeyError(f"no joint layout '{name}'; there are {', '.join(SOURCE_LAYOUTS)}")
    return SOURCE_LAYOUTS[name]


def _hand_names(
    wrist: str, thumb: str, thumb_joints: str, fingers: str, joints: str
) -> tuple[str, ...]:
    """Return 21 names in :data:`HAND_JOINTS` order; the last three arguments are lists in words."""
    return (
        wrist,
        *(thumb + joint for joint in thumb_joints.split()),
        *(finger + joint for finger in fingers.split() for joint in joints.split()),
    )


_MEDIAPIPE_HAND = _hand_names(
    "WRIST",
    "THUMB_",
    "CMC MCP IP TIP",
    "INDEX_FINGER_ MIDDLE_FINGER_ RING_FINGER_ PINKY_",
    "MCP PIP DIP TIP",
)
_OPENPOSE_HAND = _hand_names("BASE", "T_", "STT BCMC MCP IP", "I_ M_ R_ P_", "CMC MCP PIP DIP")
_SPOTER_HAND = _hand_names(
    "wrist", "thumb", "CMC MP IP Tip", "index middle ring little", "MCP PIP DIP Tip"
)
_WHOLEBODY_HAND = tuple(f"hand_{i}" for i in range(21))
_OPENPOSE_BODY = ("Nose", "LShoulder", "LElbow", "LWrist", "RShoulder", "RElbow", "RWrist")


def _body_135_hand(side: str) -> tuple[str, ...]:
    """The hands of OpenPose's BODY_135 begin at the body's wrist."""
    fingers = " ".join(side + finger for finger in ("Index", "Middle", "Ring", "Pinky"))
    thumb_joints, joints = "1CMC 2Knuckles 3IP 4FingerTip", "1Knuckles 2PIP 3DIP 4FingerTip"
    return _hand_names(f"{side}Wrist", f"{side}Thumb", thumb_joints, fingers, joints)


# The names of the 49 joints in sources that name their joints. To add a source, add one entry.
# A name of the .pose format is "component/point".
NAMED_LAYOUTS: dict[str, tuple[str, ...]] = {
    "pose_format_holistic": (
        *(f"RIGHT_HAND_LANDMARKS/{name}" for name in _MEDIAPIPE_HAND),
        *(f"LEFT_HAND_LANDMARKS/{name}" for name in _MEDIAPIPE_HAND),
        *(f"POSE_LANDMARKS/{name.upper()}" for name in BODY_JOINTS),
    ),
    "pose_format_openpose": (
        *(f"hand_right_keypoints_2d/{name}" for name in _OPENPOSE_HAND),
        *(f"hand_left_keypoints_2d/{name}" for name in _OPENPOSE_HAND),
        *(f"pose_keypoints_2d/{name}" for name in _OPENPOSE_BODY),
    ),
    "pose_format_openpose_135": tuple(
        f"BODY_135/{name}" for name in (*_body_135_hand("R"), *_body_135_hand("L"), *_OPENPOSE_BODY)
    ),
    "pose_format_wholebody": (
        *(f"RIGHT_HAND/{name}" for name in _WHOLEBODY_HAND),
        *(f"LEFT_HAND/{name}" for name in _WHOLEBODY_HAND),
        *(f"BODY/{name}" for name in BODY_JOINTS),
    ),
    "spoter": (
        *(f"{name}_right" for name in _SPOTER_HAND),
        *(f"{name}_left" for name in _SPOTER_HAND),
        *("nose", "leftShoulder", "leftElbow", "leftWrist"),
        *("rightShoulder", "rightElbow", "rightWrist"),
    ),
}


def describe_joints(names: Sequence[str]) -> str:
    """List joints of the 49 in words; a complete part is listed by its name.

    Example:
        >>> describe_joints([*SIGN49_JOINTS[:21], "nose"])
        'the whole right_hand, nose'
    """
    words: list[str] = []
    for part in PARTS:
        joints = SIGN49_JOINTS[part.joints]
        if set(names).issuperset(joints):
            words.append(f"the whole {part.name}")
        else:
            words += [name for name in joints if name in names]
    return ", ".join(words)
