"""Learning rate, batch and model scale as powers of size, data, compute or loss.

    y = c x**p          or          y = c x1**p1 x2**p2

The laws disagree, and loss is flat around each optimum: Step Law's rate rises with the tokens, others fall or follow
compute alone. A band of 1.5 x either way is normal. Linear in logarithms, so any start solves them.
"""

from typing import Annotated, Literal, NamedTuple

from sweep.laws.form import build
from sweep.laws.inputs import Input
from sweep.laws.law import Law, Parameter, Published, Real, free, power

OUTPUTS = {
    "lr": "peak learning rate",
    "batch_tokens": "batch, tokens",
    "batch_seqs": "batch, sequences",
    "flops_per_token": "compute-optimal non-embedding FLOPs a token, M*",
    "tokens": "compute-optimal tokens, D*",
}


class Power(NamedTuple):
    """Coefficients of y = scale x**power."""

    scale: Annotated[Real, Parameter("in the unit of the output, at x = 1", 1e-12, 1e12, "log", (1e-6, 1e6))]
    power: Annotated[Real, free("power of the input", -10.0, 10.0, (-1.0, 1.0))]


class Powers(NamedTuple):
    """Coefficients of y = scale x1**power1 x2**power2."""

    scale: Annotated[Real, Parameter("in the unit of the output, at x1 = x2 = 1", 1e-12, 1e12, "log", (1e-6, 1e6))]
    power1: Annotated[Real, free("power of the first input", -10.0, 10.0, (-1.0, 1.0))]
    power2: Annotated[Real, free("power of the second input", -10.0, 10.0, (-1.0, 1.0))]


def one(law: Power, x: Real) -> Real:
    """y of one input."""
    return law.scale * power(x, law.power)


def two(law: Powers, x1: Real, x2: Real) -> Real:
    """y of two inputs."""
    return law.scale * power(x1, law.power1) * power(x2, law.power2)


def power_law(
    id: str,
    target: str,
    inputs: tuple[str | Input, ...],
    coefficients: Power | Powers,
    source: str,
    grade: Literal["V", "V2", "C", "R"],
) -> Law:
    """A law of this file for the column `target`; its published coefficients have the law's own name."""
    names = [x.name if isinstance(x, Input) else x for x in inputs]
    powers = ["power"] if len(names) == 1 else ["power1", "power2"]
    return build(
        id=id,
        formula="y = scale " + " ".join(f"{x}^{p}" for x, p in zip(names, powers, strict=True)),
        coefficients=type(coefficients),
        inputs=inputs,
        loss=one if len(names) == 1 else two,
        source=source,
        output=OUTPUTS[target],
        target=target,
        published={id: Published(coefficients, source, grade)},
        linear=("scale",),
    )


NON_EMBEDDING = Input("params", "parameters without embeddings")
SMALL_BATCH = Input("params", "parameters; tokens = 20 params, sequences of 512 tokens")
STEP, DEEPSEEK = "Li et al. 2025, arXiv 2503.04715", "DeepSeek 2024, arXiv 2401.02954; FLOPs = M D"
LAWS = (
    power_law("step_law", "lr", (NON_EMBEDDING, "tokens"), Powers(1.79, -0.713, 0.307), STEP, "V"),
    power_law("step_law_batch", "batch_tokens", ("tokens",), Power(0.58, 0.571), STEP, "V"),
    power_law("deepseek_lr", "lr", ("flops",), Power(0.3118, -0.1250), DEEPSEEK, "V2"),
    power_law("deepseek_batch", "batch_tokens", ("flops",), Power(0.2920, 0.3271), DEEPSEEK, "V2"),
    power_law(
        "deepseek_alloc",
        "flops_per_token",
        ("flops",),
        Power(0.1715, 0.5243),
        DEEPSEEK,
        "V2",
    ),
    power_law("deepseek_tokens", "tokens", ("flops",), Power(5.8316, 0.4757), DEEPSEEK, "V2"),
    power_law("porian_lr", "lr", ("params",), Power(3.7, -0.36), "Porian et al. 2024, arXiv 2406.19146", "V2"),
    power_law(
        "porian_batch",
        "batch_seqs",
        ("params",),
        Power(0.00037, 0.703),
        "Porian et al. 2024, arXiv 2406.19146",
        "V2",
    ),
    power_law(
        "minicpm_batch", "batch_tokens", ("loss",), Power(1.21e9, -6.24), "Hu et al. 2024, arXiv 2404.06395", "V2"
    ),
    power_law(
        "zhang_cbs",
        "batch_seqs",
        (SMALL_BATCH,),
        Power(93.197 * 1e6**-0.4683, 0.4683),
        "Zhang et al. 2024, arXiv 2410.21676",
        "V",
    ),
    power_law(
        "zhang_cbs_tokens",
        "batch_seqs",
        ("tokens",),
        Power(22.91, 0.47),
        "Zhang et al. 2024, arXiv 2410.21676, from memory",
        "R",
    ),
    power_law(
        "schaipp_batch", "batch_tokens", ("tokens",), Power(0.667, 0.566), "Schaipp et al. 2026, arXiv 2607.01487", "V2"
    ),
)
