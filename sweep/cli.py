"""The command line: finds the verb, resolves a config with its overrides, prints what the verb returns.

Verbs live in sweep.verbs, one module each, with a dataclass `Args` (its docstrings are the help) and `run`, which
returns an Output. A module with `CONFIG = True` also receives the resolved sweep; one with `device(args)` says which
accelerator it may start (sweep.platforms), all others run on the CPU; one with `without_jax(args)` may ask that JAX is
not even loaded; one with `together(args, tell)` may be one of several processes that work together
(sweep.train.gang.start), and `run` receives the gang. Every problem ends here, as one line and an exit code: 0 done,
1 wrong input, 2 refused by a check, 3 finished in part, 70 a fault of ours (sweep.fault).
"""

import difflib
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from sweep import __version__, config, fault, interrupt, platforms
from sweep.arguments import check_names, check_paths, parse
from sweep.errors import Fault, InputError, Partial, Refusal, SweepError
from sweep.train.watch import leave

VERBS = {
    "demo": ("sweep.verbs.demo", "the main job on an embedded corpus, in minutes on a laptop CPU"),
    "preview": ("sweep.verbs.preview", "dry run: families, trials, cost, hours, and what the design can tell"),
    "run": ("sweep.verbs.run", "train a sweep; safe to stop and to repeat"),
    "worker": ("sweep.verbs.worker", "train what is left of a sweep, beside any number of other workers"),
    "verify-resume": ("sweep.verbs.verify_resume", "kill a small sweep at random: does it end as if never killed"),
    "status": ("sweep.verbs.status", "how far a sweep is, trial by trial"),
    "data build": ("sweep.verbs.data", "text to token shards with a manifest"),
    "import": ("sweep.verbs.import_runs", "runs of TensorBoard or W&B to a loss table with its curves"),
    "check": ("sweep.verbs.check", "look at a loss table: units, slips, duplicates, what can be fitted"),
    "fit": ("sweep.verbs.fit", "fit the scaling law, three ways, with intervals"),
    "compare": ("sweep.verbs.compare", "laws by held-out error, or arms of a table by what their compute buys"),
    "backtest": ("sweep.verbs.backtest", "fit below each budget, predict above it: how wrong would it have been"),
    "multiverse": ("sweep.verbs.multiverse", "every defensible fit at once: how much the answer moves, and by what"),
    "predict": ("sweep.verbs.predict", "the loss of one run from a fit, with its interval"),
    "plan": ("sweep.verbs.plan", "what to train for a budget, a loss or a demand, at what cost, how sure"),
    "forecast": ("sweep.verbs.forecast", "a dated, hashed prediction of a run that has not been trained"),
    "forecast score": ("sweep.verbs.forecast_score", "what became of a forecast, and how often forecasts were right"),
    "forecast list": ("sweep.verbs.forecast_list", "every forecast with its outcome, and the calibration"),
    "forecast verify": ("sweep.verbs.forecast_verify", "was a line of the ledger edited, and which"),
    "suggest": ("sweep.verbs.suggest", "the next trials worth running, for what they cost"),
    "laws": ("sweep.verbs.laws", "the laws there are: formulas, inputs, published coefficients"),
    "report": ("sweep.verbs.report", "one self-contained page"),
    "bundle": ("sweep.verbs.bundle", "what a reader needs to check a result, in one file"),
    "reproduce": ("sweep.verbs.reproduce", "check a bundle: the same digits, and the same loss"),
    "doctor": ("sweep.verbs.doctor", "devices, versions, disk: what works here and what is missing"),
}
GROUPS = {verb.split()[0] for verb in VERBS} - set(VERBS)  # first words that are no verb alone
NOT_STARTED = "Unable to initialize backend"  # JAX's words for a device that is held, or that its plugin does not get
OVERVIEW = """\
usage: sweep VERB ... [--json]   or   sweep --version

Which model should we train with this compute, data and inference demand, and how sure are we?

{verbs}

`sweep VERB --help` explains a verb. --json prints one JSON object on stdout; progress goes to stderr.
Exit codes: 0 done, 1 wrong input, 2 refused by a check, 3 finished in part, 70 a fault of sweep itself.
Start with: sweep demo"""

GROUP = """\
usage: sweep {group} VERB ... [--json]

{verbs}

`sweep {group} VERB --help` explains a verb."""


def listed(verbs: Iterable[str]) -> str:
    """A line a verb, with what it does."""
    return "\n".join(f"  {verb:17s}{VERBS[verb][1]}" for verb in verbs)


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code. Messages speak of options meanwhile, not of arguments."""
    before, SweepError.on_command_line = SweepError.on_command_line, True
    try:
        return respond(argv)
    finally:
        SweepError.on_command_line = before


def respond(argv: list[str] | None) -> int:
    """The output of one command, or its problem as one line; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    words = [w for w in words if w != "--json"]
    verb = ""
    try:
        if not words or words[0] in ("-h", "--help", "help"):
            print(OVERVIEW.format(verbs=listed(VERBS)))
            return 0
        if words[0] in ("-V", "--version"):
            print(json.dumps({"version": __version__}) if as_json else f"sweep {__version__}")
            return 0
        if words[0] in GROUPS and words[1:] in ([], ["-h"], ["--help"]):
            print(GROUP.format(group=words[0], verbs=listed(v for v in VERBS if v.split()[0] == words[0])))
            return 0
        verb, rest = split_verb(words)
        check_paths(verb, rest)
        output = call(verb, rest, partial(tell, verb, as_json=as_json))
        if as_json or output.text:
            print(json.dumps(output.data, indent=1, allow_nan=False) if as_json else output.text, flush=True)
        return output.code
    except SweepError as error:
        return tell(verb, error, as_json=as_json)
    except KeyboardInterrupt:
        print(f"sweep {verb}: interrupted", file=sys.stderr)
        return 3
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if isinstance(error, RuntimeError) and NOT_STARTED in str(error):
            why = str(error).splitlines()[0]
            return tell(verb, InputError(f"{why}; `sweep doctor` shows what is here and who holds it"), as_json=as_json)
        if fault.passes():
            raise
        return tell(verb, Fault(fault.describe(error, words)), as_json=as_json)


def tell(verb: str, error: SweepError, *, as_json: bool) -> int:
    """Print a problem as one line, and as JSON where that is asked for; returns its exit code."""
    code = error.code if isinstance(error, Refusal) else type(error).__name__
    if as_json:
        print(json.dumps({"error": {"code": code, "message": str(error)}}))
    label = f"refused ({code})" if isinstance(error, Refusal) else "stopped" if isinstance(error, Partial) else "error"
    sys.stderr.write(f"{f'sweep {verb}'.strip()}: {label}: {error}\n")
    return error.exit_code


def split_verb(words: list[str]) -> tuple[str, list[str]]:
    """The verb and what follows it. Raises InputError for an unknown one."""
    for n in (2, 1):
        if " ".join(words[:n]) in VERBS:
            return " ".join(words[:n]), words[n:]
    if words[0] in GROUPS:
        verbs = ", ".join(f"`sweep {verb}`" for verb in VERBS if verb.split()[0] == words[0])
        raise InputError(f"no such verb: {' '.join(words[:2])!r}; there is {verbs}")
    close = difflib.get_close_matches(words[0], VERBS, 1)
    hint = f"; did you mean `sweep {close[0]}`?" if close else "; `sweep --help` lists them"
    raise InputError(f"no such verb: {words[0]!r}{hint}")


def call(verb: str, rest: list[str], tell: Callable[[SweepError], int]) -> Any:
    """Parse the arguments of `verb` and run it.

    Args:
        tell: prints a problem and returns its exit code; for a gang, which may end while the verb runs.
    """
    module = loaded(VERBS[verb][0])
    asked_help = [w for w in rest if w in ("-h", "--help")]
    if not getattr(module, "CONFIG", False):
        args = parse(module.Args, rest, verb)
        prepare(module, args)
        return module.run(args)
    plain = [w for w in rest if w not in asked_help]
    if asked_help and not plain:
        parse(module.Args, rest, verb)
    args, unknown = parse(module.Args, plain, verb, partial=True)

    def configured() -> config.Sweep:
        sweep = config.load(args.config)
        check_names(unknown)
        return parse(config.Sweep, unknown + asked_help, f"{verb} {args.config}", default=sweep)

    if asked_help or not hasattr(module, "together"):
        sweep = configured()
        prepare(module, args)
        return module.run(args, sweep)
    prepare_jax(device_of(module, args))
    with module.together(args, tell) as gang:  # first, so that a config that is wrong on one host ends all
        return module.run(args, configured(), gang)


@interrupt.remembered()
def loaded(name: str) -> Any:
    """The module of a verb; Ctrl-C meanwhile ends the command, also where a callback of JAX's swallows it."""
    module = importlib.import_module(name)
    interrupt.check()
    return module


def prepare(module: Any, args: Any) -> None:
    """What a verb needs before it runs. Raises as `prepare_jax`."""
    if not (hasattr(module, "without_jax") and module.without_jax(args)):
        prepare_jax(device_of(module, args))


def device_of(module: Any, args: Any) -> platforms.Device:
    """What a verb may start, by its `device`; the CPU where it has none."""
    return module.device(args) if hasattr(module, "device") else "cpu"


@interrupt.remembered()
def prepare_jax(device: platforms.Device) -> None:
    """Before any backend starts: no platform that is not for this verb, one CPU device a core, programs kept on disk.

    Raises:
        InputError: a GPU is asked for and cannot be had.
    """
    import jax

    platforms.take(device)
    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        jax.config.update("jax_num_cpu_devices", len(os.sched_getaffinity(0)))
    platforms.keep_programs()
    interrupt.check()


def entry() -> None:
    """The console script."""
    leave(main())
