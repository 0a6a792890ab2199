"""What a design needs to know of a corpus, built or assumed."""

from typing import Any

from sweep.config import Sweep
from sweep.errors import InputError

ASSUMED = "assumed"  # fingerprint of a corpus that does not exist yet
LARGEST_VOCAB = 2**31  # ids are int32 in the program
LARGEST_CORPUS = 1e15  # tokens


def corpus_of(sweep: Sweep, tokens: float, vocab: int) -> dict[str, Any]:
    """Vocabulary, fingerprint and unique tokens of the sweep's corpus.

    Args:
        tokens, vocab: of a corpus that is not built yet, both, or neither.

    Raises:
        InputError: no such corpus, with the way round it; an assumed one that is none.
    """
    if tokens or vocab:
        return assumed(tokens, vocab)
    from sweep.train.data.build import open_data
    from sweep.verbs.data import progress

    try:
        with progress() as shown:
            corpus = open_data(sweep.data, shown)
    except InputError as error:
        raise InputError(f"{error}; or, not built yet, --assume-tokens 6e10 --assume-vocab 32768") from error
    return {"vocab": corpus.vocab, "data": corpus.fingerprint, "unique_tokens": corpus.unique_tokens}


def assumed(tokens: float, vocab: int) -> dict[str, Any]:
    """A corpus that does not exist yet. Raises InputError where that is no corpus."""
    if not (1 <= tokens <= LARGEST_CORPUS and 2 <= vocab <= LARGEST_VOCAB):
        raise InputError(
            f"--assume-tokens {tokens:g} --assume-vocab {vocab}: both stand for a corpus, such as "
            "--assume-tokens 6e10 --assume-vocab 32768"
        )
    return {"vocab": vocab, "data": ASSUMED, "unique_tokens": int(tokens)}
