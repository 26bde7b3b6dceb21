"""Where token embeddings start."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from kdops.data.encoding import Encoded

_WINDOW = 5
_CONTEXT_SMOOTHING = 0.75
_FASTTEXT_BUCKETS = 20_000
_FASTTEXT_TOTAL_TOKENS = 5_000_000
_FASTTEXT_LEAST_EPOCHS, _FASTTEXT_MOST_EPOCHS = 2, 50


def fit_width(table: Tensor, width: int) -> Tensor:
    """A table of embeddings brought to another width by truncated SVD of the centred table.

    The documented way to fit a teacher's embeddings into a small student (Mukherjee and Awadallah, XtremeDistil, ACL
    2020). The result has mean 0 and the scale of a random start, a standard deviation of `width ** -0.5`, so that the
    same learning rates suit both.

    Args:
        table: (tokens, teacher_width).
        width: columns of the result; where the teacher is narrower, the columns beyond its own are zero.

    Returns:
        float32 (tokens, width).
    """
    centred = table.detach().to("cpu", torch.float64)
    centred = centred - centred.mean(dim=0)
    # The right singular vectors by way of the Gram matrix: (teacher_width, teacher_width), whatever the vocabulary.
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    projected = centred @ vectors.flip(1)[:, :width]
    fitted = torch.zeros(len(table), width, dtype=torch.float64)
    fitted[:, : projected.shape[1]] = projected
    scale = width**-0.5 / fitted.std().clamp_min(1e-12)
    return torch.mul(fitted, scale).to(torch.float32)


@dataclass(frozen=True)
class TokenTexts:
    """Encoded texts as lists of tokens, made one at a time in each iteration.

    Attributes:
        encoded: the texts.
        tokens: the token of each id.
    """

    encoded: Encoded
    tokens: Sequence[str]

    def __iter__(self) -> Iterator[list[str]]:
        for start, end in pairwise(self.encoded.row_starts):
            yield [self.tokens[index] for index in self.encoded.ids[start:end].tolist()]


def fasttext_table(texts: Iterable[Sequence[str]], tokens: Sequence[str], width: int, *, seed: int) -> Tensor:
    """FastText vectors of a vocabulary, trained on texts that are cut into its tokens.

    Skip-gram with character n-grams (Bojanowski et al., TACL 2017) by gensim, in one thread, so that the same texts
    give the same vectors. A token that the texts do not hold gets the mean of its n-grams' vectors. Tokens are short
    and few beside the words of a language: n-grams of 3 and 4 characters in 20,000 buckets are enough. It reads
    five million tokens in all, which takes about a minute: little text is read up to 50 times, much text twice.

    Args:
        texts: lists of tokens, restartable: they are read once for each epoch.
        tokens: the vocabulary in the order of its ids.
        width: columns of the result.
        seed: of the vectors' start and of the negative samples.

    Returns:
        float32 (tokens, width), with the mean and the scale of `fit_width`.
    """
    from gensim.models import FastText

    model = FastText(
        vector_size=width,
        sg=1,
        window=_WINDOW,
        min_count=1,
        min_n=3,
        max_n=4,
        bucket=_FASTTEXT_BUCKETS,
        workers=1,
        seed=seed,
    )
    model.build_vocab(texts)
    epochs = _FASTTEXT_TOTAL_TOKENS // max(model.corpus_total_words, 1)
    epochs = min(max(epochs, _FASTTEXT_LEAST_EPOCHS), _FASTTEXT_MOST_EPOCHS)
    model.train(texts, total_examples=model.corpus_count, epochs=epochs)
    return fit_width(torch.from_numpy(np.stack([model.wv[token] for token in tokens])), width)


def cooccurrence_vectors(encoded: Encoded, tokens: int, width: int) -> Tensor:
    """Word vectors from the co-occurrence of tokens in text, without any labels.

    Randomized SVD of the matrix of positive pointwise mutual information within a window of 5, context counts raised to
    0.75 (Levy and Goldberg 2014; Levy, Goldberg and Dagan 2015): what word2vec approximates, and stable on little text.

    Args:
        encoded: the texts.
        tokens: size of the vocabulary.
        width: columns of the result.

    Returns:
        float32 (tokens, width), mean 0 and standard deviation 1; of so few tokens that the matrix has fewer vectors
        than `width`, the columns beyond are zero.
    """
    # Seconds to import, and of no use to students that start otherwise.
    from sklearn.utils.extmath import randomized_svd

    rows = np.repeat(np.arange(len(encoded)), encoded.lengths)
    counts = scipy.sparse.csr_array((tokens, tokens))
    for distance in range(1, _WINDOW + 1):
        together = rows[:-distance] == rows[distance:]
        pairs = (encoded.ids[:-distance][together], encoded.ids[distance:][together])
        found = scipy.sparse.coo_array((np.ones(len(pairs[0])), pairs), shape=(tokens, tokens)).tocsr()
        counts = counts + found + found.T
    cells = counts.tocoo()
    frequency = np.asarray(counts.sum(axis=1)).ravel()
    context = frequency**_CONTEXT_SMOOTHING / (frequency**_CONTEXT_SMOOTHING).sum()
    first, second = cells.coords
    information = np.log(cells.data / (frequency[first] * context[second]))
    positive = scipy.sparse.coo_array((np.maximum(information, 0), cells.coords), shape=(tokens, tokens)).tocsr()
    left, strengths, _ = randomized_svd(positive, min(width, tokens), random_state=0)
    vectors = torch.zeros(tokens, width)
    vectors[:, : len(strengths)] = torch.from_numpy(left * np.sqrt(strengths))
    centred = vectors - vectors.mean(dim=0)
    return centred / centred.std()
