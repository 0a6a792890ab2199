"""`sweep plan`: what to train for a budget, a loss or a demand, at what cost, and how sure."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from sweep.errors import InputError
from sweep.plan.explain import describe, explain
from sweep.plan.plan import TOLERANCE, plan
from sweep.quantity import nonnegative, pairs
from sweep.verbs.output import Output


@dataclass(frozen=True)
class Args:
    """Decide which model to train on how many tokens, from a fit or from published coefficients.

    Give one target (--compute, --loss, --like-compute, --like-params, --usd, --device-hours), or hold params and
    tokens fixed to judge a run. With tokens to serve, the answer weighs training against serving: a budget pays for
    both. Costs are in FLOPs unless rates are given; there are no default prices.

    Example: sweep plan fit/ --compute 1e22

    Example: sweep plan besiroglu --like-compute 1e22 --inference-tokens 1e13 --unique-tokens 4e12
    --train h100:2.00@mfu=0.40 --serve h100:2.00@mfu=0.10

    Example: sweep plan fit/ --compute 1e22 --inference-tokens 1e13 --html plan.html

    Example: sweep plan besiroglu --explain all
    """

    law: tyro.conf.Positional[str]
    """Directory of a fit or of a sweep, a fit.json, or the id of published coefficients such as besiroglu."""
    compute: Annotated[str | None, tyro.conf.arg(aliases=("--target-compute",))] = None
    """Budget for training and serving together: FLOPs such as 1e22, or 10PFday."""
    loss: float | None = None
    """Target loss in nats/token, reached at least cost."""
    like_compute: str | None = None
    """Target: the loss of a compute-optimal run of so many FLOPs."""
    like_params: str | None = None
    """Target: the loss of a compute-optimal run of that size."""
    usd: str | None = None
    """Budget for training and serving together, in dollars: 3e5 or 300k. Needs --train with a price."""
    device_hours: str | None = None
    """Budget for training and serving together, in hours of one device. Needs --train."""
    params: str | None = None
    """Hold the size fixed: 7e9 or 7B. Alone: the tokens that make it the right size."""
    tokens: str | None = None
    """Hold the training tokens fixed: 2e12 or 2T. Alone: the size that makes them the right horizon."""
    tokens_per_param: str | None = None
    """Hold tokens / params fixed."""
    inference_tokens: str | None = None
    """Tokens to serve over the model's life, or a range such as 1e12:1e14."""
    requests: str | None = None
    """Requests to serve, instead of --inference-tokens; with --prompt-tokens and --output-tokens."""
    prompt_tokens: str | None = None
    """Prompt tokens a request."""
    output_tokens: str | None = None
    """Generated tokens a request."""
    unique_tokens: str | None = None
    """Training tokens that exist; a law without repetition is then held to tokens <= unique tokens."""
    max_params: str | None = None
    """The largest size that can be served, by the memory or the latency there is."""
    train: str | None = None
    """Rate of training: DEVICE[:DOLLARS_AN_HOUR]@mfu=SHARE[,precision=KIND], such as h100:2.00@mfu=0.40."""
    serve: str | None = None
    """Rate of serving generated tokens; of prompts too unless --prompt is given."""
    prompt: str | None = None
    """Rate of serving prompt tokens."""
    versus: tuple[str, ...] = ()
    """Sizes to compare with the recommended one at equal loss, such as 7B 13B."""
    tolerance: float = TOLERANCE
    """Of the flat band: sizes that lose less than this are as good, nats/token."""
    level: float | None = None
    """Of the intervals; default: the fit's."""
    given: str | None = None
    """Other inputs of the law, such as experts=8 or bits_weights=16,bits_activations=16,bits_kv=16."""
    recipe: str | None = None
    """Config whose recipe shapes the models; default: of the sweep behind the fit, else configs/pod.py."""
    vocab: str | None = None
    """Tokens of the tokenizer; default: of that sweep or config."""
    devices: int = 1
    """That share the training, for memory and hours."""
    write: str | None = None
    """Write a config that trains the nearest buildable model, such as configs/mine.py."""
    explain: str | None = None
    """Instead of a plan: the demand under which a model is right. params=8e9,tokens=15e12, a name, or all."""
    html: str | None = None
    """Also write the plan as one HTML page, with inputs that can be moved."""
    despite: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Code of a refusal to plan in spite of, such as not_converged; repeatable. The plan says so."""


def run(args: Args) -> Output:
    """Plan, or explain a known model."""
    given = {k: nonnegative(f"--given {k}", v) for k, v in pairs("--given", args.given).items()} if args.given else None
    if args.explain is not None:
        asked = [name for name in (*QUESTIONS, "html") if getattr(args, name)]
        if asked:
            raise InputError(f"--explain asks about a model; leave out --{asked[0].replace('_', '-')}")
        found = explain(
            args.law,
            args.explain,
            train=args.train,
            serve=args.serve,
            level=args.level,
            given=given,
            despite=args.despite,
        )
        return Output(found, describe(found))
    asked = {name: getattr(args, name) for name in QUESTIONS}
    rest = {
        name: getattr(args, name) for name in ("train", "serve", "prompt", "tolerance", "level", "devices", "despite")
    }
    made = plan(args.law, **asked, **rest, given=given)
    if args.html is None:
        return Output(made.to_json(), made.text)
    from sweep.report.plan_page import plan_page  # here, so that other plans do not wait for the chart library

    path = plan_page(made, args.html)
    return Output({**made.to_json(), "html": str(path)}, f"{made.text}\n\nsaved {path}")


QUESTIONS = (
    "compute", "loss", "like_compute", "like_params", "usd", "device_hours", "params", "tokens", "tokens_per_param",
    "inference_tokens", "requests", "prompt_tokens", "output_tokens", "unique_tokens", "max_params",
    "versus", "recipe", "vocab", "write",
)  # fmt: skip
