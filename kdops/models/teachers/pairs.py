"""The two texts of a pair in a teacher's tokens: separators and, where it has them, type ids."""

from transformers import PreTrainedModel, TokenizersBackend

from kdops.data.encoding import pair_separator
from kdops.errors import UserError


def separator_of_types(encoder: PreTrainedModel, processing: TokenizersBackend, source: str) -> int | None:
    """The token after which a model expects another type id; None for one that knows no types, as RoBERTa.

    Type ids follow from the separators, so that nobody has to carry them along.

    Raises:
        UserError: if its tokenizer does not read pairs, or numbers types otherwise.
    """
    try:
        separator = pair_separator(processing.backend_tokenizer)
    except ValueError as error:
        raise UserError(f"teacher {source!r}: {error}") from error
    encoding = processing.backend_tokenizer.encode("a", "a")
    if not any(encoding.type_ids) or getattr(encoder.config, "type_vocab_size", 0) < 2:
        return None
    before = [sum(one == separator for one in encoding.ids[:place]) for place in range(len(encoding.ids))]
    if [min(count, 1) for count in before] != encoding.type_ids:
        raise UserError(f"teacher {source!r} numbers the types of a pair in a way that kdops does not know")
    return separator
