"""Mathematics on tensors: losses, closed-form fits and statistics.

The suffix of a name is the tensor's shape: b samples of a batch, n samples, m of these samples, c classes or labels,
k target columns, d features, t tokens, h rows and w columns of a map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

# The most entries of a matrix that is made at once, and the fewest rows that `spread_rows` takes.
_ENTRIES = 2**22
_FEWEST = 256


def cross_entropy(
    logits_bc: Tensor, target: Tensor, weights_c: Tensor, *, smoothing: float = 0.0, gamma: float = 0.0
) -> Tensor:
    """Weighted, smoothed (Szegedy et al. 2016), focal (Lin et al. 2017) cross-entropy, mean over the batch.

    `target` is int64 (B,) or soft (B, C). The sum of weighted losses is divided by B, not by the sum of the weights, so
    that a batch cut in pieces gives the same loss. Focal: each class term is scaled by (1 - p)^gamma.
    """
    logits_bc = _at_least_float32(logits_bc)
    if not gamma and not target.is_floating_point():
        weights_c = weights_c.to(logits_bc.dtype)
        return F.cross_entropy(logits_bc, target, weights_c, label_smoothing=smoothing, reduction="none").mean()
    soft = target if target.is_floating_point() else F.one_hot(target, logits_bc.shape[-1])
    return _focal(logits_bc, soft, weights_c, smoothing, gamma).mean()


def dense_cross_entropy(
    logits_bchw: Tensor, target_bhw: Tensor, weights_c: Tensor, ignored: int, *, smoothing: float, gamma: float
) -> Tensor:
    """`cross_entropy`, mean over the places of each sample whose target is not `ignored`, then over the batch.

    A sample without such places counts as one without loss, so that a batch cut in pieces gives the same loss.
    """
    logits_bchw = _at_least_float32(logits_bchw)
    known = target_bhw != ignored
    if gamma:
        soft = F.one_hot(target_bhw.where(known, 0), logits_bchw.shape[1])
        each = known * _focal(logits_bchw.movedim(1, -1), soft, weights_c, smoothing, gamma)
    else:
        weights_c = weights_c.to(logits_bchw.dtype)
        each = F.cross_entropy(
            logits_bchw, target_bhw, weights_c, ignore_index=ignored, label_smoothing=smoothing, reduction="none"
        )
    return (each.flatten(1).sum(1) / known.flatten(1).sum(1).clamp(min=1)).mean()


def _focal(logits: Tensor, soft: Tensor, weights_c: Tensor, smoothing: float, gamma: float) -> Tensor:
    """The loss (...) of logits (..., C) for soft targets (..., C)."""
    log_p = logits.log_softmax(-1)
    soft = soft.to(log_p.dtype) * (1 - smoothing) + smoothing / logits.shape[-1]
    terms = soft * weights_c * log_p
    if gamma:
        terms = terms * _focus(-log_p.expm1(), gamma)
    return -terms.sum(-1)


def binary_cross_entropy(
    logits_bc: Tensor, target_bc: Tensor, weights_c2: Tensor, *, smoothing: float = 0.0, gamma: float = 0.0
) -> Tensor:
    """Weighted, smoothed, focal binary cross-entropy, mean over the batch and the labels.

    A label has two weights: the first where the label is on, the second where it is off.
    """
    logits_bc = _at_least_float32(logits_bc)
    soft = target_bc.to(logits_bc.dtype) * (1 - smoothing) + smoothing / 2
    positive = soft * F.logsigmoid(logits_bc)
    negative = (1 - soft) * F.logsigmoid(-logits_bc)
    if gamma:
        positive = positive * _focus((-logits_bc).sigmoid(), gamma)
        negative = negative * _focus(logits_bc.sigmoid(), gamma)
    return -(positive * weights_c2[:, 0] + negative * weights_c2[:, 1]).mean()


def _at_least_float32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()


def _focus(miss: Tensor, gamma: float) -> Tensor:
    """miss^gamma. A lower bound on `miss` keeps the gradient finite where `miss` is 0 and gamma is below 1."""
    return miss.clamp(min=1e-7) ** gamma


def squared_error(output_bk: Tensor, target_bk: Tensor) -> Tensor:
    """Mean squared error over the batch and the outputs."""
    return F.mse_loss(output_bk.float(), target_bk.float())


def distillation(student_bc: Tensor, teacher_bc: Tensor, temperature: float) -> Tensor:
    """T² KL(softmax(teacher / T) || softmax(student / T)), mean over the batch (Hinton et al. 2015)."""
    log_s = (student_bc.float() / temperature).log_softmax(-1)
    log_t = (teacher_bc.float() / temperature).log_softmax(-1)
    return temperature**2 * F.kl_div(log_s, log_t, reduction="batchmean", log_target=True)


def binary_distillation(student_bc: Tensor, teacher_bc: Tensor, temperature: float) -> Tensor:
    """T² KL of the teacher's and the student's probability of each label, mean over the batch and the labels."""
    s, t = student_bc.float() / temperature, teacher_bc.float() / temperature
    p = t.sigmoid()
    positive = p * (F.logsigmoid(t) - F.logsigmoid(s))
    negative = (1 - p) * (F.logsigmoid(-t) - F.logsigmoid(-s))
    return temperature**2 * (positive + negative).mean()


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(scale)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor, None]:
        (scale,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return -scale * grads[0], None


def reverse_gradient(x: Tensor, scale: Tensor) -> Tensor:
    """x unchanged; in the backward pass the gradient is multiplied by -scale (Ganin and Lempitsky 2015)."""
    reversed_: Tensor = _Reverse.apply(x, scale)
    return reversed_


def ridge(features_nd: Tensor, targets_nc: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """The weight (C, D) and bias (C,) that minimise ||X W' + b - Y||² / N + strength ||W||², computed in float64.

    The bias is not penalised. The linear system that is solved has min(N, D) unknowns for each class.
    """
    (x_mean, y_mean), (n, d) = _means(features_nd, targets_nc), features_nd.shape
    penalty = strength * torch.eye(min(n, d), dtype=torch.float64, device=features_nd.device)
    if d <= n:
        weight = torch.linalg.solve(_gram(features_nd) / n + penalty, _crossed(features_nd, targets_nc) / n).T
    else:
        x = features_nd.double() - x_mean
        weight = (x.T @ torch.linalg.solve(x @ x.T / n + penalty, (targets_nc.double() - y_mean) / n)).T
    return weight.float(), (y_mean - weight @ x_mean).float()


def _means(*rows: Tensor) -> tuple[Tensor, ...]:
    return tuple(one.mean(0, dtype=torch.float64) for one in rows)


def _pieces(*rows: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The same rows of each matrix, some at a time, in float64 and less the column's mean over all rows."""
    size, means = max(1, _ENTRIES // max(one.shape[1] for one in rows)), _means(*rows)
    for some in zip(*(torch.split(one, size) for one in rows), strict=True):
        yield tuple(one.double() - mean for one, mean in zip(some, means, strict=True))


def _gram(x_nd: Tensor) -> Tensor:
    """X' X (D, D) of the centred X, some rows at a time, because a copy of all in float64 may be large."""
    return reduce(torch.add, (x.T @ x for (x,) in _pieces(x_nd)))


def _crossed(x_nd: Tensor, targets_nc: Tensor) -> Tensor:
    """X' Y (D, C) of the centred X and Y, some rows at a time."""
    return reduce(torch.add, (x.T @ y for x, y in _pieces(x_nd, targets_nc)))


def spread_rows(n: int, columns: int) -> Tensor:
    """The numbers of all n rows, or of fewer, evenly spread, if n rows of so many columns made too large a matrix."""
    most = max(_FEWEST, _ENTRIES // columns)
    return torch.arange(n) if n <= most else torch.linspace(0, n - 1, most, dtype=torch.float64).long()


def leave_one_out(
    features_nd: Tensor, targets_nc: Tensor, strengths: Sequence[float], rows_m: Tensor
) -> Iterator[Tensor]:
    """For each strength, the predictions (M, C) for samples `rows_m` by `ridge` fitted without the sample, in float64.

    The penalty has the same weight as in a fit to all N samples. No fit is repeated: the residual of a sample that is
    left out is its residual in the whole fit, divided by one minus its leverage (Allen 1974, PRESS).
    """
    (x_mean, y_mean), (n, d) = _means(features_nd, targets_nc), features_nd.shape
    if d <= n:
        values, vectors = _main_axes(_gram(features_nd) / n)
        scale = (values * n).sqrt()
        left = features_nd.new_empty((len(rows_m), len(values)), dtype=torch.float64)
        answers, first = left.new_zeros((len(values), targets_nc.shape[1])), 0
        for x, y in _pieces(features_nd, targets_nc):
            projected = x @ vectors / scale
            answers += projected.T @ y
            here = (rows_m >= first) & (rows_m < first + len(x))
            left[here] = projected[rows_m[here] - first]
            first += len(x)
    else:
        x = features_nd.double() - x_mean
        values, vectors = _main_axes(x @ x.T / n)
        answers, left = vectors.T @ (targets_nc.double() - y_mean), vectors[rows_m]
    y = targets_nc[rows_m].double()
    shares = left.square()
    for strength in strengths:
        shrunk = values / (values + strength)
        residual = y - y_mean - left @ (shrunk.unsqueeze(1) * answers)
        leverage = shares @ shrunk + 1 / n
        yield y - residual / (1 - leverage).clamp(min=1e-12).unsqueeze(1)


def _main_axes(gram: Tensor) -> tuple[Tensor, Tensor]:
    """The eigenvalues of a symmetric matrix that are not 0 up to rounding, and their eigenvectors as columns."""
    values, vectors = torch.linalg.eigh(gram)
    kept = values > 1e-12 * values.max()
    return values[kept], vectors[:, kept]


def simplest(losses: Sequence[Tensor]) -> int:
    """The index of the last model whose mean loss exceeds the lowest by at most one standard error of the difference.

    Each model gives its losses on the same samples (N,); the models are ordered from complex to simple. Breiman et al.
    1984 use the standard error of the best model's loss instead. That error is usually larger, so with few samples
    almost every model would pass.
    """
    best = min(losses, key=lambda one: float(one.mean()))
    worse = [one - best for one in losses]
    allowed = [float(one.std(correction=0)) / len(one) ** 0.5 for one in worse]
    return max(i for i, one in enumerate(worse) if float(one.mean()) <= allowed[i])


def minimise(parameters: Sequence[Tensor], objective: Callable[[], Tensor]) -> None:
    """Minimise a smooth convex objective over the parameters, in place, by L-BFGS (Liu and Nocedal 1989)."""
    optimizer = torch.optim.LBFGS(
        parameters, max_iter=1000, tolerance_grad=1e-6, tolerance_change=1e-10, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = objective()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with torch.enable_grad():
        optimizer.step(closure)  # type: ignore[no-untyped-call]
    optimizer.zero_grad(set_to_none=True)


def safe_std(features_nd: Tensor) -> Tensor:
    """Each feature's standard deviation (D,), but the mean of these for features that are nearly constant.

    Such a feature would become huge when it is divided by its own deviation and varies later.
    """
    std = features_nd.std(0, correction=0)
    typical = std.mean() if std.mean() > 0 else torch.ones_like(std.mean())
    return torch.where(std > 1e-4 * typical, std, typical)


def calibrated_scale(logits_nc: Tensor, target_n: Tensor, most: float = 0.9) -> float:
    """The factor of the logits for which the mean highest probability is the accuracy, or `most` if that is lower."""
    wanted = min(most, float((logits_nc.argmax(-1) == target_n).double().mean()))
    low, high = -30.0, 30.0
    for _ in range(40):
        middle = (low + high) / 2
        surer = float((logits_nc * 2**middle).softmax(-1).amax(-1).mean()) > wanted
        low, high = (low, middle) if surer else (middle, high)
    return float(2**low)


def logit_at(mean_c: Tensor) -> tuple[Tensor, Tensor]:
    """The slope and the value of log((1 + f) / (1 - f)) at f = `mean`, which is the mean of targets of -1 and 1.

    A mean of -1 or 1 is drawn in a little: such a label says nothing of samples that are still to come.
    """
    mean_c = mean_c.clamp(-1 + 1e-4, 1 - 1e-4)
    return 2 / (1 - mean_c.square()), 2 * mean_c.atanh()


def class_means(features_nd: Tensor, target_n: Tensor, classes: int) -> Tensor:
    """The mean features (C, D) of each class; zeros for a class without samples."""
    rows = max(1, _ENTRIES // classes)
    pairs = zip(torch.split(target_n, rows), torch.split(features_nd, rows), strict=True)
    sums = reduce(torch.add, (F.one_hot(y, classes).to(x.dtype).T @ x for y, x in pairs))
    return sums / torch.bincount(target_n, minlength=classes).clamp(min=1).unsqueeze(1)


def mean_pool(values_btd: Tensor, mask_bt: Tensor | None) -> Tensor:
    """The mean (B, D) over the tokens that are real by the mask (None: all are)."""
    if mask_bt is None:
        return values_btd.mean(1)
    weights = mask_bt.to(values_btd.dtype).unsqueeze(-1)
    return (values_btd * weights).sum(1) / weights.sum(1).clamp(min=1)


def contrast(queries_bd: Tensor, others_cd: Tensor, right_bc: Tensor, left_out_bc: Tensor, scale: float) -> Tensor:
    """The mean cross entropy of choosing what is right for each query, by cosines times a scale (van den Oord 2018).

    Of several right ones it is the mean, outside of the logarithm (Khosla et al. 2020); a query without any adds 0.
    What is `left_out` is no choice.
    """
    cosines = F.normalize(queries_bd.float(), dim=-1) @ F.normalize(others_cd.float(), dim=-1).T
    choice = (scale * cosines).masked_fill(left_out_bc, -torch.inf).log_softmax(-1)
    terms = -choice.masked_fill(~right_bc, 0.0).sum(-1) / right_bc.sum(-1).clamp(min=1)
    return terms.mean()
