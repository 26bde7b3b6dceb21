"""The two texts of a pair in a teacher's tokens: separators and, where it has them, type ids."""

from transformers import PreTrainedModel, TokenizersBackend

from kdops.errors import UserError


def separator_of_types(encoder: PreTrainedModel, processing: TokenizersBackend, source: str) -> int | None:
    """The token after which a model expects another type id; None for one that knows no types, as RoBERTa.

    Type ids follow from the separators, so that nobody has to carry them along.

    Raises:
        UserError: if its tokenizer does not read pairs, or numbers types otherwise.
    """
    encoding = processing.backend_tokenizer.encode("a", "a")
    if set(encoding.sequence_ids) - {None} != {0, 1}:
        raise UserError(f"teacher {source!r} has a tokenizer that does not read pairs of texts")
    if not any(encoding.type_ids) or getattr(encoder.config, "type_vocab_size", 0) < 2:
        return None
    separator = encoding.ids[encoding.sequence_ids.index(1) - 1]
    before = [sum(one == separator for one in encoding.ids[:place]) for place in range(len(encoding.ids))]
    if [min(count, 1) for count in before] != encoding.type_ids:
        raise UserError(f"teacher {source!r} numbers the types of a pair in a way that kdops does not know")
    return int(separator)
