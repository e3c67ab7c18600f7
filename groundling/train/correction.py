"""A small correction of the embedded model, fitted to a user's own choices and built into its file.

To each candidate's logit it adds a weighted sum of the ranker's features and a memory: how much
instruction and candidate are like a pair that was right before. All weights start at 0, where the
model is the one it was, and a penalty chosen by cross-validation keeps them near it. The problem is
convex but for tasks with several right elements; Newton's method solves it in a few steps.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from groundling.errors import DataError

Floats = npt.NDArray[np.float64]

PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0)
"""Tried in cross-validation; the higher, the nearer to the model as it was."""
_FREE = 0.1
"""Scale, memory and "none" are single weights with a meaning of their own: held less tightly."""
_STEPS, _ENOUGH = 30, 1e-7
_LEAST_SCALE = 0.05
_TINY = 1e-6
_INNER_FOLDS = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """A task as the model reads it, and its raw answer."""

    group: Hashable
    """Tasks of one group are left out together."""
    logits: Floats
    """Of the model as it was, shape (K + 1), "none" last."""
    features: Floats
    """The ranker's, shape (K, F)."""
    task: Floats
    """Mean state of the instruction's tokens, shape (H)."""
    items: Floats
    """Mean state of each candidate's tokens, shape (K, H)."""
    right: npt.NDArray[np.bool_]
    """Shape (K + 1)."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Pairs of instruction and candidate that were right."""

    task_mean: Floats
    item_mean: Floats
    tasks: Floats
    """Centred and of length 1, shape (N, H)."""
    items: Floats
    groups: tuple[Hashable, ...]

    @classmethod
    def of(cls, asked: Sequence[Asked]) -> "Memory":
        """Remember the right candidates of `asked`."""
        task_mean = np.mean([a.task for a in asked], axis=0)
        item_mean = np.mean(np.concatenate([a.items for a in asked]), axis=0)
        pairs = [(a, k) for a in asked for k in np.flatnonzero(a.right[:-1])]
        hidden = len(task_mean)
        tasks = np.array([a.task for a, _ in pairs]).reshape(-1, hidden)
        items = np.array([a.items[k] for a, k in pairs]).reshape(-1, hidden)
        groups = tuple(a.group for a, _ in pairs)
        return cls(task_mean, item_mean, _unit(tasks - task_mean), _unit(items - item_mean), groups)

    def likeness(self, a: Asked, *, leave_out: bool) -> Floats:
        """Return in [0, 1] how much each candidate is like one that was right for a like task.

        With `leave_out`, pairs of the task's own group do not count.
        """
        if not self.groups:
            return np.zeros(len(a.items))
        counted = [not (leave_out and g == a.group) for g in self.groups]
        said = np.maximum(_unit(a.task - self.task_mean) @ self.tasks.T, 0) * counted
        meant = np.maximum(_unit(a.items - self.item_mean) @ self.items.T, 0)
        found: Floats = ((said * meant) ** 2).max(axis=1)
        return found


@dataclass(frozen=True, slots=True)
class Correction:
    """What is added to the model's logits."""

    memory: Memory
    mean: Floats
    """Of the features, shape (F)."""
    scale: Floats
    weights: Floats
    """Of the standardized features, shape (F), then memory, the model's logit, and "none"."""

    def logits(self, a: Asked) -> Floats:
        """Return the corrected logits of a task, shape (K + 1)."""
        return a.logits + self._columns(a, leave_out=False) @ self.weights

    def _columns(self, a: Asked, *, leave_out: bool) -> Floats:
        """Return what the weights are multiplied with, shape (K + 1, F + 3)."""
        n_features = len(self.mean)
        out = np.zeros((len(a.logits), n_features + 3))
        out[:-1, :n_features] = (a.features - self.mean) / self.scale
        out[:-1, n_features] = self.memory.likeness(a, leave_out=leave_out)
        out[:, n_features + 1] = a.logits
        out[-1, n_features + 2] = 1.0
        return out


def fit(asked: Sequence[Asked], penalty: float) -> Correction:
    """Fit the correction.

    Args:
        asked: Tasks whose answer is known.
        penalty: Weight of the squared weights beside the summed loss.

    Raises:
        DataError: If there are none.
    """
    if not asked:
        raise DataError("there are no tasks with a known answer: label or collect some")
    rows = np.concatenate([a.features for a in asked])
    mean, scale = rows.mean(0), np.maximum(rows.std(0), _LEAST_SCALE)
    start = Correction(Memory.of(asked), mean, scale, np.zeros(len(mean) + 3))
    stack = _Stack.of(asked, [start._columns(a, leave_out=True) for a in asked])
    pull = penalty * np.array([1.0] * len(mean) + [_FREE] * 3)
    return Correction(start.memory, mean, scale, _newton(stack, pull))


@dataclass(frozen=True, slots=True)
class _Stack:
    """All tasks side by side, short ones padded with labels that are never chosen."""

    logits: Floats
    """Shape (tasks, labels), minus infinity where there is no label."""
    columns: Floats
    """Shape (tasks, labels, weights)."""
    right: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, asked: Sequence[Asked], columns: Sequence[Floats]) -> "_Stack":
        shape = len(asked), max(len(a.logits) for a in asked)
        logits, right = np.full(shape, -np.inf), np.zeros(shape, bool)
        stacked = np.zeros((*shape, columns[0].shape[1]))
        for i, (a, x) in enumerate(zip(asked, columns, strict=True)):
            logits[i, : len(x)], right[i, : len(x)], stacked[i, : len(x)] = a.logits, a.right, x
        return cls(logits, stacked, right)

    def odds(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the probability of each label, and that of all right ones together."""
        p = _softmax(self.logits + self.columns @ weights)
        return p, np.maximum(np.where(self.right, p, 0.0).sum(1, keepdims=True), 1e-12)

    def loss(self, weights: Floats, pull: Floats) -> float:
        """Return the summed loss and the penalty."""
        return float(-np.log(self.odds(weights)[1]).sum() + pull @ weights**2 / 2)

    def slopes(self, weights: Floats, pull: Floats) -> tuple[Floats, Floats]:
        """Return gradient and curvature of the loss."""
        p, held = self.odds(weights)
        off = p - np.where(self.right, p, 0.0) / held
        n_weights = len(weights)
        centred = self.columns - p[:, None, :] @ self.columns
        spread = (np.sqrt(p)[..., None] * centred).reshape(-1, n_weights)
        gradient = self.columns.reshape(-1, n_weights).T @ off.reshape(-1) + pull * weights
        return gradient, spread.T @ spread + np.diag(pull)


def _newton(stack: _Stack, pull: Floats) -> Floats:
    weights = np.zeros(len(pull))
    loss = stack.loss(weights, pull)
    for _ in range(_STEPS):
        step = np.linalg.solve(*reversed(stack.slopes(weights, pull)))
        before, length = loss, 1.0
        while length > _TINY:
            loss = stack.loss(weights - length * step, pull)
            if loss <= before:
                weights = weights - length * step
                break
            length /= 2
        if before - loss < _ENOUGH * (1 + before):
            break
    return weights


def loss_of(logits: Floats, right: npt.NDArray[np.bool_]) -> float:
    """Return minus the log-probability of all right labels together."""
    return -float(np.log(max(_softmax(logits)[right].sum(), 1e-12)))


def choose_penalty(asked: Sequence[Asked], n_folds: int = _INNER_FOLDS) -> float:
    """Return the penalty with the least loss on groups left out."""

    def lost(penalty: float) -> float:
        return sum(
            loss_of(found.logits(a), a.right)
            for learnt, left_out in folds(asked, n_folds)
            for found in (fit([asked[i] for i in learnt], penalty),)
            for a in (asked[i] for i in left_out)
        )

    return min(PENALTIES, key=lost)


def cross_fitted(asked: Sequence[Asked], n_folds: int = 5) -> list[Floats]:
    """Return the logits of each task by a correction that never saw its group.

    The penalty is chosen anew within each fold's training, so nothing of it is known, either.
    """
    out: dict[int, Floats] = {}
    for learnt, left_out in folds(asked, n_folds):
        train = [asked[i] for i in learnt]
        found = fit(train, choose_penalty(train))
        out |= {i: found.logits(asked[i]) for i in left_out}
    return [out[i] for i in range(len(asked))]


def folds(asked: Sequence[Asked], n_folds: int) -> list[tuple[list[int], list[int]]]:
    """Return for each fold the tasks to learn from and those left out, groups whole.

    Raises:
        DataError: If there are fewer than two groups.
    """
    groups = list(dict.fromkeys(a.group for a in asked))
    if len(groups) < 2:
        raise DataError("all tasks are of one page: label a second one to judge by")
    np.random.default_rng(1).shuffle(groups)
    fold = {group: i % n_folds for i, group in enumerate(groups)}
    every = range(len(asked))
    return [
        (
            [i for i in every if fold[asked[i].group] != each],
            [i for i in every if fold[asked[i].group] == each],
        )
        for each in sorted(set(fold.values()))
    ]


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    found: Floats = rows / np.maximum(length, _TINY)
    return found


def _softmax(logits: Floats) -> Floats:
    """Return probabilities, along the last axis."""
    p = np.exp(logits - logits.max(-1, keepdims=True))
    found: Floats = p / p.sum(-1, keepdims=True)
    return found


def build_in(correction: Correction, chooser: Path, out: Path) -> None:
    """Write the comparing network of an embedded model with the correction behind it.

    Args:
        correction: What is added.
        chooser: `chooser.onnx` of the model it was fitted to.
        out: The new file.

    Raises:
        DataError: If `chooser` is another kind of network.
    """
    import onnx

    model = onnx.load(str(chooser))
    inputs = {i.name for i in model.graph.input}
    if not {"task", "items", "on", "features"} <= inputs or len(model.graph.output) != 1:
        raise DataError(f"{chooser} is no comparing network: it reads {', '.join(sorted(inputs))}")
    result = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["adapt_before" if name == result else name for name in node.output]
        node.input[:] = ["adapt_before" if name == result else name for name in node.input]
    graph = _Graph(model.graph)
    graph.add_correction(correction, result)
    onnx.checker.check_model(model)
    onnx.save(model, str(out))


class _Graph:
    """Adds nodes to an ONNX graph, all names led by `adapt_`."""

    def __init__(self, graph: Any) -> None:  # noqa: ANN401
        self.graph, self.n = graph, 0

    def value(self, array: Any, kind: Any = np.float32) -> str:  # noqa: ANN401
        """Add a constant."""
        from onnx import numpy_helper

        name = self._name()
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(array, kind), name))
        return name

    def op(self, kind: str, *inputs: str, to: str = "", **attributes: Any) -> str:  # noqa: ANN401
        """Add a node with one output."""
        from onnx import helper

        name = to or self._name()
        self.graph.node.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def _name(self) -> str:
        self.n += 1
        return f"adapt_{self.n}"

    def add_correction(self, correction: Correction, result: str) -> None:
        """Add what `Correction.logits` computes."""
        n_features = len(correction.mean)
        by_feature, (memory, scale, none) = np.split(correction.weights, [n_features])
        plain = by_feature / correction.scale
        told = self.op("MatMul", "features", self.value(plain[:, None]))
        told = self.op("Add", told, self.value(-float(correction.mean @ plain)))
        if len(correction.memory.groups):
            like = self.op("Mul", self._likeness(correction.memory), self.value(float(memory)))
            told = self.op("Add", told, like)
        flat = self.op("Reshape", told, self.value([-1], np.int64))
        added = self.op("Concat", flat, self.value([none]), axis=0)
        scaled = self.op("Mul", "adapt_before", self.value(1.0 + float(scale)))
        self.op("Add", scaled, added, to=result)

    def _likeness(self, memory: Memory) -> str:
        """Shape (K, 1)."""
        task = self.op("ReduceMean", "task", axes=[1], keepdims=0)
        weights = self.op("Unsqueeze", "on", self.value([2], np.int64))
        first = self.value([1], np.int64)
        items = self.op("ReduceSum", self.op("Mul", "items", weights), first, keepdims=0)
        items = self.op("Div", items, self.op("ReduceSum", "on", first, keepdims=1))
        said = self._near(task, memory.task_mean, memory.tasks)
        meant = self._near(items, memory.item_mean, memory.items)
        both = self.op("Mul", said, meant)
        return self.op("ReduceMax", self.op("Mul", both, both), axes=[1], keepdims=1)

    def _near(self, rows: str, mean: Floats, known: Floats) -> str:
        centred = self.op("Sub", rows, self.value(mean))
        length = self.op("ReduceL2", centred, axes=[1], keepdims=1)
        unit = self.op("Div", centred, self.op("Max", length, self.value(_TINY)))
        return self.op("Relu", self.op("MatMul", unit, self.value(known.T)))
