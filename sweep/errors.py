"""The ways a command ends, as exceptions. One line each: what, where, what to do.

Exit codes of the command line: 0 done, 1 the user's input is wrong, 2 refused by a check, 3 finished in part, 70 a
fault of ours.
"""

from typing import ClassVar

from sweep.wording import as_arguments


def one_line(text: str) -> str:
    """`text` with line breaks and whatever else a terminal would act on as escapes: a file's own names stand in it."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


class SweepError(Exception):
    """A problem to report to the user in one line, without a traceback.

    Messages are written in the words of the command line; to who calls a function they speak of its arguments.

    Attributes:
        on_command_line: whether the command line is at work.
    """

    exit_code = 1
    on_command_line: ClassVar[bool] = False

    def __str__(self) -> str:
        text = super().__str__()
        return text if SweepError.on_command_line else as_arguments(text)

    def __init__(self, message: str):
        super().__init__(one_line(message))


class InputError(SweepError):
    """The user's input is wrong: a file, a field, a value. The message says what, where and what to do."""

    exit_code = 1


class Refusal(SweepError):
    """A check refuses to go on because the answer would not be worth having.

    Attributes:
        code: short stable name of the check, for scripts and for `--despite CODE`.
    """

    exit_code = 2

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class Partial(SweepError):
    """The work ended in part: what is finished is kept, and the same command continues."""

    exit_code = 3


class Fault(SweepError):
    """An exception that nobody foresaw: a fault of this program. The message names the file with the traceback."""

    exit_code = 70  # EX_SOFTWARE of sysexits.h


def as_values(error: SweepError) -> dict[str, str]:
    """An error as plain values, for another process to raise."""
    return {"kind": type(error).__name__, "code": getattr(error, "code", ""), "message": error.args[0]}


def of_values(values: dict[str, str]) -> SweepError:
    """The error of `as_values`."""
    kinds: dict[str, type[SweepError]] = {kind.__name__: kind for kind in (InputError, Partial, Fault)}
    if values["kind"] == Refusal.__name__:
        return Refusal(values["code"], values["message"])
    return kinds[values["kind"]](values["message"])
