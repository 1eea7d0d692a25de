"""The authors' network written down plainly, from its description: names, weights and outputs.

Independent of ``masa_mm.models``, so that these can be held against it where the authors' own
numbers are not at hand. It made the small fixture next to it, in double precision:

    python tests/toys/reference_network.py
"""

from __future__ import annotations

import math
import zlib
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from masa_mm.structures import SignDataSamples

FIXTURE = Path(__file__).with_name("reference_tiny.npz")
HAND_SUB_PARTS = (
    [2, 3, 4],
    [6, 7, 8],
    [10, 11, 12],
    [14, 15, 16],
    [18, 19, 20],
    [0, 1, 5, 9, 13, 17],
)
BODY_SUB_PARTS = ([1, 2, 3], [4, 5, 6], [0])
JOINTS = dict(hand=21, body=7)


class Sizes(NamedTuple):
    embed: int = 512
    joints: tuple[int, int, int] = (128, 128, 256)
    depth: int = 3
    decoder_depth: int = 2
    heads: int = 8
    feedforward: int = 2048
    predictor: int = 256
    projection: int = 128
    queue: int = 6912


FULL = Sizes()
TINY = Sizes(16, (8, 8, 12), 2, 1, 4, 24, 8, 8, 10)


def tiny_config(config):
    """The reference preset's model config at the sizes of :data:`TINY`."""
    config.backbone.update(
        embed_dims=TINY.embed,
        channels=TINY.joints,
        sub_part_channels=(TINY.embed, TINY.embed),
        temporal_branch_channels=TINY.embed,
        depth=TINY.depth,
        num_heads=TINY.heads,
        feedforward_channels=TINY.feedforward,
    )
    config.decoder.update(
        in_channels=3 * TINY.embed,
        depth=TINY.decoder_depth,
        num_heads=TINY.heads,
        feedforward_channels=TINY.feedforward,
        predictor_channels=TINY.predictor,
    )
    config.alignment.update(
        in_channels=3 * TINY.embed,
        hidden_channels=TINY.embed,
        out_channels=TINY.projection,
        queue_len=TINY.queue,
    )
    return config


# ---- names and shapes ---------------------------------------------------------------------------


def layer(name, *shape):
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def batch_norm(name, channels):
    ends = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{end}": (channels,) for end in ends} | {f"{name}.num_batches_tracked": ()}


def graph_block(name, inside, out, residual):
    shapes = {
        **layer(f"{name}.gcn.conv", 4 * out, inside, 1, 1),
        **batch_norm(f"{name}.tcn.0", out),
        **layer(f"{name}.tcn.3", out, out, 1, 1),
        **batch_norm(f"{name}.tcn.4", out),
    }
    if residual:
        shapes |= layer(f"{name}.residual.0", out, inside, 1, 1)
        shapes |= batch_norm(f"{name}.residual.1", out)
    return shapes


def part_network(name, part, sizes):
    c, (a, b, d) = sizes.embed, sizes.joints
    joints, sub_parts = JOINTS[part], dict(hand=6, body=3)[part]
    shapes = {f"{name}.A": (4, joints, joints), f"{name}.A_pool": (4, sub_parts, sub_parts)}
    shapes |= batch_norm(f"{name}.data_bn", 2 * joints)
    widths = ((0, 2, a), (1, a, b), (2, b, d))
    for i, inside, out in widths:
        residual = i > 0 and inside != out
        shapes |= graph_block(f"{name}.st_gcn_networks.{i}", inside, out, residual)
    shapes |= graph_block(f"{name}.st_gcn_pool.0", d, c, True)
    shapes |= graph_block(f"{name}.st_gcn_pool.1", c, c, False)
    shapes |= layer(f"{name}.conv4.0", c, c, 1, 1) | batch_norm(f"{name}.conv4.1", c)
    # In the checkpoint, but in no forward pass.
    shapes |= layer(f"{name}.conv2.0", c // 2, 2 * c, 1, 1) | batch_norm(f"{name}.conv2.1", c // 2)
    for inner in ("g", "theta", "phi"):
        shapes |= layer(f"{name}.non_local.{inner}", c // 2, c, 1, 1)
    shapes |= layer(f"{name}.non_local.W.0", c, c // 2, 1, 1) | batch_norm(
        f"{name}.non_local.W.1", c
    )
    shapes |= layer(f"{name}.fcn.1", 3, c, 1, 1)
    for block in ("tcn_full_b1", "tcn_full_b2"):
        for conv, kernel in (("conv1d_5", 5), ("conv1d_3_1", 3), ("conv1d_3_2", 3)):
            shapes |= layer(f"{name}.{block}.{conv}.0", c, c, kernel)
        shapes |= layer(f"{name}.{block}.conv1x1", c, 2 * c, 1) | batch_norm(
            f"{name}.{block}.bn", c
        )
    return shapes


def transformer(name, depth, sizes):
    c = 3 * sizes.embed
    norms = [f"{name}.norm"]
    shapes = {}
    for i in range(depth):
        block = f"{name}.blocks.{i}"
        for inner in ("attn.proj_q", "attn.proj_k", "attn.proj_v", "proj"):
            shapes |= layer(f"{block}.{inner}", c, c)
        shapes |= layer(f"{block}.pwff.fc1", sizes.feedforward, c)
        shapes |= layer(f"{block}.pwff.fc2", c, sizes.feedforward)
        norms += [f"{block}.norm1", f"{block}.norm2"]
    return shapes | {f"{norm}.{end}": (c,) for norm in norms for end in ("gamma", "beta")}


def official_shapes(sizes=FULL):
    """Names, without prefix, and shapes of the authors' checkpoint."""
    c, shapes = sizes.embed, {"queue": (sizes.projection, sizes.queue), "queue_ptr": (1,)}
    for branch in ("encoder_q", "encoder_k"):
        shapes |= {
            f"{branch}.embed.mask_token": (1, 1, c),
            f"{branch}.embed.pe.pe": (1, 600, 3 * c),
        }
        for part in JOINTS:
            shapes |= part_network(f"{branch}.embed.st_gcn_{part}", part, sizes)
        shapes |= transformer(f"{branch}.GCN_Tran", sizes.depth, sizes)
        shapes |= layer(f"{branch}.proj.fc.0", c, c)
        shapes |= layer(f"{branch}.proj.fc.2", sizes.projection, c)
        for part in JOINTS:
            shapes |= layer(f"{branch}.proj.weight_{part}", 1, c)
    for part, joints in JOINTS.items():
        shapes |= layer(f"{part}_decoder.0", sizes.predictor, c)
        shapes |= layer(f"{part}_decoder.2", 2 * joints, sizes.predictor)
    for decoder in ("target_decoder", "reg_decoder"):
        shapes |= transformer(f"{decoder}.GCN_Tran", sizes.decoder_depth, sizes)
    return shapes


# ---- weights ------------------------------------------------------------------------------------


def adjacency(nodes, inward, lateral, idle=()):
    """Four subsets, each joint's neighbours weighing 1 / their number."""
    subsets = np.zeros((4, nodes, nodes), np.float32)
    neighbours = [{node} for node in range(nodes)]
    for far, near in (*inward, *lateral, *idle):
        neighbours[far].add(near)
        neighbours[near].add(far)
    for node in range(nodes):
        subsets[0, node, node] = 1 / len(neighbours[node])
    for far, near in inward:
        subsets[1, far, near] = 1 / len(neighbours[near])
        subsets[2, near, far] = 1 / len(neighbours[far])
    for one, other in (*lateral, *((other, one) for one, other in lateral)):
        subsets[3, one, other] = 1 / len(neighbours[other])
    return subsets


def buffers():
    """By the names of the authors' data: the adjacency matrices of every copy."""
    fingers = [[4 * finger + joint for joint in range(1, 5)] for finger in range(5)]
    bones = [pair for finger in fingers for pair in zip(finger, [0, *finger])]
    lateral = [pair for one, other in pairwise(fingers) for pair in zip(one, other)]
    arms = [(1, 0), (2, 1), (3, 2), (4, 0), (5, 4), (6, 5)]
    tips, neighbours = [(i, 5) for i in range(5)], [(i, i + 1) for i in range(4)]
    return {
        "embed.st_gcn_hand.A": adjacency(21, bones, lateral),
        "embed.st_gcn_hand.A_pool": adjacency(6, tips, neighbours),
        "embed.st_gcn_body.A": adjacency(7, arms, [(1, 4), (2, 5), (3, 6)]),
        "embed.st_gcn_body.A_pool": adjacency(3, [], [(0, 1)], [(0, 2)]),
    }


def official_weights(shapes, known=None):
    """Weights that follow from their names, by the rules of the authors' data."""
    known = buffers() if known is None else known
    return {name: weight(name, shape, known) for name, shape in shapes.items()}


def weight(name, shape, known):
    if name.endswith("num_batches_tracked"):
        return torch.tensor(1)
    if name == "queue_ptr":
        return torch.zeros(1, dtype=torch.int64)
    if name.endswith(".pe"):
        return torch.zeros(shape)
    if name.endswith((".A", ".A_pool")):
        return torch.from_numpy(known[name.split(".", 1)[1]])
    z = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    if name == "queue":
        z = z / np.linalg.norm(z, axis=0)
    elif name.endswith("running_var"):
        z = 0.5 + np.abs(z)
    elif name.endswith("running_mean"):
        z = 0.1 * z
    elif name.endswith("gamma") or (name.endswith("weight") and z.ndim == 1):
        z = 1 + 0.1 * z
    elif z.ndim == 1:
        z = 0.05 * z
    else:
        z = z / math.sqrt(math.prod(shape[1:]))
    return torch.from_numpy(z.astype(np.float32))


# ---- the forward pass ---------------------------------------------------------------------------


class PlainNetwork:
    """Outputs by the names of the authors' data, from inputs by theirs."""

    def __init__(self, weights, sizes):
        self.w = {n: v.double() if v.is_floating_point() else v for n, v in weights.items()}
        self.sizes = sizes

    def __call__(self, given):
        x = {name: torch.from_numpy(value).double() for name, value in given.items()}
        poses = x["in/right/kp2d"], x["in/left/kp2d"], x["in/body/body_pose"]
        masked = [x[f"in/{part}/masked"] for part in ("right", "left", "body")]
        shown = [(x[f"in/{part}/mask"].sum((2, 3)) > 0).double() for part in ("right", "left")]
        embed = torch.cat(self.embed("encoder_q", poses), -1)
        encoder = self.transformer("encoder_q.GCN_Tran", self.sizes.depth, embed)
        hand, body = self.pool("encoder_q", encoder, shown)
        out = dict(embed=embed, encoder=encoder, pooled_hand=hand, pooled_body=body)
        out["projection"] = self.project("encoder_q", hand + body)
        keys = torch.prod(torch.cat([1 - m for m in masked], -1), -1)
        out["enc_mask"] = keys
        for branch, view in (("encoder_q", "query"), ("encoder_k", "key")):
            parts = self.embed(branch, poses)
            token = self.w[f"{branch}.embed.mask_token"]
            parts = [torch.where(m > 0, token, part) for m, part in zip(masked, parts)]
            latent = self.transformer(
                f"{branch}.GCN_Tran", self.sizes.depth, torch.cat(parts, -1), keys
            )
            pooled = sum(self.pool(branch, latent, [part * keys for part in shown]))
            out[view] = F.normalize(self.project(branch, pooled), dim=-1)
            if view == "query":
                out["masked_encoder"] = latent
        out |= self.decode(out["masked_encoder"], x)
        positive = (out["query"] * out["key"]).sum(1, keepdim=True)
        logits = torch.cat([positive, out["query"] @ self.w["queue"]], 1) / 0.07
        out["loss_contrast"] = F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64))
        return {f"out/{name}": value.numpy().astype(np.float32) for name, value in out.items()}

    def decode(self, latent, x):
        decoded = self.transformer(
            "reg_decoder.GCN_Tran", self.sizes.decoder_depth, latent, x["in/right/vid_len"]
        )
        out = {}
        targets = dict(
            right=("hand", "in/right/gts", "in/right/flag_2d"),
            left=("hand", "in/left/gts", "in/left/flag_2d"),
            body=("body", "in/body/body_pose_gt", "in/body/body_pose_conf"),
        )
        for part, frames in zip(targets, decoded.chunk(3, -1)):
            network, motion, flag = targets[part]
            hidden = F.relu(self.linear(f"{network}_decoder.0", frames))
            found = F.relu(self.linear(f"{network}_decoder.2", hidden))
            found = found.unflatten(-1, (JOINTS[network], 2))
            masked = x[f"in/{part}/masked"]
            error = (found - x[motion]).abs() * x[flag] * masked[..., None]
            out[f"pred_{part}"] = found
            out[f"loss_{part}"] = 10 * error.sum() / (masked.sum() * JOINTS[network] + 1)
        return out

    def linear(self, name, x):
        return F.linear(x, self.w[f"{name}.weight"].flatten(1), self.w[f"{name}.bias"])

    def norm(self, name, x, eps=1e-5):
        mean, var = self.w[f"{name}.running_mean"], self.w[f"{name}.running_var"]
        x = (x - mean) / torch.sqrt(var + eps)
        return x * self.w[f"{name}.weight"] + self.w[f"{name}.bias"]

    def graph_block(self, name, x, graph, first=False):
        sums = self.linear(f"{name}.gcn.conv", x).unflatten(-1, (len(graph), -1))
        out = sum(torch.einsum("nvc,vw->nwc", sums[:, :, k], graph[k]) for k in range(len(graph)))
        out = F.relu(self.norm(f"{name}.tcn.0", out))
        out = self.norm(f"{name}.tcn.4", self.linear(f"{name}.tcn.3", out))
        if f"{name}.residual.0.weight" in self.w:
            x = self.norm(f"{name}.residual.1", self.linear(f"{name}.residual.0", x))
        return F.relu(out if first else out + x)

    def part_network(self, name, pose, sub_parts):
        clips, frames, joints, _ = pose.shape
        x = self.norm(f"{name}.data_bn", pose.flatten(2), eps=0.1).view(-1, joints, 2)
        for i in range(3):
            x = self.graph_block(f"{name}.st_gcn_networks.{i}", x, self.w[f"{name}.A"], i == 0)
        x = torch.stack([x[:, chosen].amax(1) for chosen in sub_parts], 1)
        for i in range(2):
            x = self.graph_block(f"{name}.st_gcn_pool.{i}", x, self.w[f"{name}.A_pool"])
        x = F.relu(self.norm(f"{name}.conv4.1", self.linear(f"{name}.conv4.0", x.amax(1))))
        x = x.view(clips, frames, -1)
        for block in ("tcn_full_b1", "tcn_full_b2"):
            x = self.temporal_block(f"{name}.{block}", x)
        return x

    def temporal_block(self, name, x):
        wide = self.conv(f"{name}.conv1d_5.0", x)
        narrow = self.conv(f"{name}.conv1d_3_2.0", self.conv(f"{name}.conv1d_3_1.0", x))
        merged = self.linear(f"{name}.conv1x1", torch.cat([wide, narrow], -1))
        return F.relu(self.norm(f"{name}.bn", merged))

    def conv(self, name, x):
        weight, bias = self.w[f"{name}.weight"], self.w[f"{name}.bias"]
        out = F.conv1d(x.transpose(1, 2), weight, bias, padding=weight.shape[-1] // 2)
        return F.relu(out).transpose(1, 2)

    def embed(self, branch, poses):
        networks = (("hand", HAND_SUB_PARTS), ("hand", HAND_SUB_PARTS), ("body", BODY_SUB_PARTS))
        return [
            self.part_network(f"{branch}.embed.st_gcn_{part}", pose, sub_parts)
            for pose, (part, sub_parts) in zip(poses, networks)
        ]

    def layer_norm(self, name, x):
        gamma, beta = self.w[f"{name}.gamma"], self.w[f"{name}.beta"]
        return F.layer_norm(x, x.shape[-1:], gamma, beta, eps=1e-12)

    def transformer(self, name, depth, x, keys=None):
        x = self.layer_norm(f"{name}.norm", x)
        for i in range(depth):
            block = f"{name}.blocks.{i}"
            q, k, v = (
                self.linear(f"{block}.attn.proj_{letter}", x)
                .unflatten(-1, (self.sizes.heads, -1))
                .transpose(1, 2)
                for letter in "qkv"
            )
            scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
            if keys is not None:
                scores = scores - 10000 * (1 - keys[:, None, None])
            attended = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
            x = self.layer_norm(f"{block}.norm1", x + self.linear(f"{block}.proj", attended))
            hidden = F.gelu(self.linear(f"{block}.pwff.fc1", x))
            x = self.layer_norm(f"{block}.norm2", x + self.linear(f"{block}.pwff.fc2", hidden))
        return x

    def pool(self, branch, latent, shown):
        """Both hands under one softmax, where shown; the body under another, everywhere."""
        right, left, body = latent.chunk(3, -1)
        hands = torch.cat([right, left], 1)
        scores = self.linear(f"{branch}.proj.weight_hand", hands)
        scores = torch.where(torch.cat(shown, 1)[..., None] > 0, scores, -1e4)
        hand = (scores.softmax(1) * hands).sum(1)
        scores = self.linear(f"{branch}.proj.weight_body", body)
        return hand, (scores.softmax(1) * body).sum(1)

    def project(self, branch, pooled):
        hidden = F.relu(self.linear(f"{branch}.proj.fc.0", pooled))
        return self.linear(f"{branch}.proj.fc.2", hidden)


# ---- the fixture --------------------------------------------------------------------------------


def tiny_inputs(clips=2, frames=6, length=4, seed=0):
    """Inputs by the names of the authors' data; the last clip is padded."""
    rng = np.random.default_rng(seed)
    real = np.ones((clips, frames), np.float32)
    real[-1, length:] = 0
    given = {"in/right/vid_len": real}
    for part, joints in (("right", 21), ("left", 21), ("body", 7)):
        shape = (clips, frames, joints, 2)
        over = real[..., None, None]
        seen = np.repeat(rng.random(shape[:3]) < 0.7, 2).reshape(shape)
        seen[0, 1] = seen[0, 1] if part == "body" else part == "left"
        motion = rng.normal(0, 8, shape)
        body = part == "body"
        names = (
            ("body_pose", "body_pose_gt", "body_pose_conf") if body else ("kp2d", "gts", "flag_2d")
        )
        values = (rng.random(shape), motion, rng.random(shape) * (motion > 3))
        for name, value in zip(names, values):
            given[f"in/{part}/{name}"] = (value * over).astype(np.float32)
        if not body:
            given[f"in/{part}/mask"] = (seen * over).astype(np.float32)
        masked = (rng.random((clips, frames, 1)) < 0.4) * real[..., None]
        masked[:, 2] = 0
        given[f"in/{part}/masked"] = masked.astype(np.float32)
    return given


def make_fixture():
    """Write the outputs for :func:`tiny_inputs`, which come from their seed like the weights."""
    network = PlainNetwork(official_weights(official_shapes(TINY)), TINY)
    np.savez_compressed(FIXTURE, **network(tiny_inputs()))


def batch_of(given):
    """The authors' inputs as a batch of ours: (inputs, data_samples).

    Their hands' joints are all read, whatever the mask says; it tells in which frames a hand is
    shown. Both views of the alignment are one clip under one mask.
    """
    x = {name: torch.from_numpy(np.asarray(value)) for name, value in given.items()}
    real = x["in/right/vid_len"]
    joints = torch.cat([x["in/right/kp2d"], x["in/left/kp2d"], x["in/body/body_pose"]], 2)
    scores = [x["in/right/mask"][..., 0], x["in/left/mask"][..., 0]]
    scores.append(real[..., None].expand(-1, -1, 7))
    keypoint = torch.cat([joints, torch.cat(scores, 2)[..., None]], -1)[:, None, None]
    masked = torch.cat([x[f"in/{part}/masked"] for part in ("right", "left", "body")], -1) > 0
    motion = torch.cat([x["in/right/gts"], x["in/left/gts"], x["in/body/body_pose_gt"]], 2)
    weight = [x["in/right/flag_2d"], x["in/left/flag_2d"], x["in/body/body_pose_conf"]]
    frame_inds = torch.where(real > 0, torch.arange(real.shape[1]), -1)
    inputs = dict(
        keypoint=keypoint,
        frame_inds=frame_inds,
        motion=motion.unsqueeze(3),
        motion_weight=torch.cat(weight, 2).unsqueeze(3),
        frame_mask=masked,
        key_keypoint=keypoint,
        key_frame_inds=frame_inds,
        key_frame_mask=masked,
    )
    clips = len(keypoint)
    return inputs, SignDataSamples(labels=torch.zeros(clips).long(), clip_ids=torch.arange(clips))


if __name__ == "__main__":
    make_fixture()
    print(f"{FIXTURE}: {FIXTURE.stat().st_size} bytes")
