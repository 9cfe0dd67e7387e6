"""From what the SFT model noticed to the columns that a score is linear in, block by block, in float64.

Large blocks are turned to their principal components, small ones standardized, by what differs among the answers to one
prompt: rankings see nothing else. Each block has an expected squared size of 1 there, so that the precisions of a prior
can be compared. Length stands on overlapping bumps of its logarithm: "about 25 words" is not monotone. Products of the
prompt's strongest components with the small blocks let a taste depend on the kind of prompt. Fitted without any
ranking. Every row is computed alone, so that its bits are its own.

Shapes: N answers, F features of a block, D columns of all blocks, S sentences of an answer, Q quantiles.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from app.training.reward.head import Prior
from app.training.reward.rare_words import RareWords
from app.training.reward.reading import Blocks

COMPONENTS = {
    "mean 0": 48, "sum": 48, "mean 1": 48, "mean 2": 48, "end": 32, "beginning": 32, "finish": 32, "second": 32,
    "words": 200,
}  # fmt: skip
STANDARDIZED = (
    "plausible", "length", "likelihood", "where", "sentences", "similarity", "shape", "layout", "references",
)  # fmt: skip
PROMPT_COMPONENTS = 4  # of the prompt's states: what kind of prompt it is
PRODUCTS = ("length", "likelihood")
BUMPS, WIDTH = 8, 0.5  # of the log of the length in tokens
SHORTEST, LONGEST = 3.0, 100.0  # tokens, of the outermost bumps
QUANTILES = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75)  # of sentences: the share of an answer's below each is a feature
SOFTNESS = 0.1  # of the quantiles' range: over so much a sentence passes one of them
NOT_CENTERED = ("words",)  # so that a word that is not there costs nothing
WIDE = 600  # features, of which not all components are looked for
SPARE, ITERATIONS = 20, 3  # of the search for the strongest
ROWS_AT_ONCE = 8  # whose products with a block's matrix stay in the cache
TINY = 1e-6
BLOCKS = (*STANDARDIZED, *COMPONENTS, "products")
ORDER = ("prompt", *BLOCKS)  # in which they are made: products are of others
SCALING = ("mean", "matrix", "most")  # of a block, in files
GAP = 5  # of "likelihood": how near each token is to the likeliest one behind its prompt, on average
BELIEVED = {"plausible": 1.0, "references": 0.5}
"""Prior means, in nats for a block's deviation within a prompt: people nearly always prefer what is about the prompt
and makes sense. Rankings can say otherwise."""


@dataclass(frozen=True)
class Scaling:
    """x -> matrix (x - mean), with the logarithm of what lies beyond `most`; [F], [columns,F] and [columns]."""

    mean: Tensor
    matrix: Tensor
    most: Tensor

    def of(self, features: Tensor) -> Tensor:
        """[N,F] -> [N,columns]. Sums and no matrix product, which would round by its shape."""
        columns = self._sums(features - self.mean)
        beyond = (columns.abs() / self.most).clamp(min=1.0)  # 1 within
        return columns / beyond * (1.0 + beyond.log())

    def _sums(self, apart: Tensor) -> Tensor:
        if apart.shape[1] <= WIDE:
            return torch.cat([(self.matrix * some.unsqueeze(1)).sum(2) for some in apart.split(ROWS_AT_ONCE)])
        places = [row.nonzero()[:, 0] for row in apart]  # mostly 0: words that are not there
        sums = [(self.matrix[:, there] * row[there]).sum(1) for row, there in zip(apart, places, strict=True)]
        return torch.stack(sums)

    def bounded(self, made: Tensor) -> "Scaling":
        """`most` is that of the columns [N,columns] of what was fitted: beyond it a straight line is no knowledge.
        Without it "No." and nonsense had scores of -88 and -163 where the SFT model's answers have -6 to 2; cut off
        there, "x" pleased one for warmth."""
        furthest = made.abs().amax(0)
        return Scaling(self.mean, self.matrix, furthest.clamp(min=TINY))


class Columns:
    """`scalings` by block, the sentences' `quantiles` [Q,6] and what words tell; `fit` makes them, `tensors` keeps
    them."""

    def __init__(self, scalings: dict[str, Scaling], quantiles: Tensor, words: RareWords) -> None:
        self._scalings, self._quantiles, self._words = scalings, quantiles, words

    @classmethod
    def fit(cls, answers: Sequence[Blocks], prompts: Sequence[int]) -> tuple["Columns", Tensor]:
        """From the answers of samples and rankings, at least one, and the number of each one's prompt. What never
        differs among answers to one prompt counts nothing; where no prompt has several answers, what differs at all
        counts. With the columns [N,D] of these answers, to the bit as `of` makes them."""
        sentences = torch.cat([answer["sentences"] for answer in answers]).double()
        quantiles = torch.quantile(sentences, torch.tensor(QUANTILES, dtype=torch.float64), dim=0)
        columns = cls({}, quantiles, RareWords.of_answers([answer["words"] for answer in answers]))
        places, made = _places(prompts), dict[str, Tensor]()
        for block in ORDER:
            features = columns._all_features(block, answers, made)
            mean = torch.zeros_like(features[0]) if block in NOT_CENTERED else features.mean(0)
            if block == "prompt":
                scaling = _components(mean, features - mean, PROMPT_COMPONENTS)
            else:
                apart, most = within_prompts(features, places), COMPONENTS.get(block)
                scaling = _standard(mean, apart) if most is None else _components(mean, apart, most)
            made[block] = scaling.of(features)
            columns._scalings[block] = scaling.bounded(made[block])
        return columns, torch.cat([made[block] for block in BLOCKS], 1)

    @property
    def prior(self) -> Prior:
        """With the columns of each of `BLOCKS`, and what is believed of them before any ranking."""
        sizes = [len(self._scalings[block].matrix) for block in BLOCKS]
        means = [torch.full((size,), BELIEVED.get(block, 0.0)) for block, size in zip(BLOCKS, sizes, strict=True)]
        return Prior(sizes, torch.cat(means).double())

    def of(self, answers: Sequence[Blocks]) -> Tensor:
        """[N,D]."""
        if not answers:
            return torch.zeros(0, len(self.prior.means), dtype=torch.float64)
        made = dict[str, Tensor]()
        for block in ORDER:
            made[block] = self._scalings[block].of(self._all_features(block, answers, made))
        return torch.cat([made[block] for block in BLOCKS], 1)

    def _all_features(self, block: str, answers: Sequence[Blocks], made: Mapping[str, Tensor]) -> Tensor:
        """[N,F]; products are of columns that are made."""
        if block == "products":
            small = torch.cat([made[name] for name in PRODUCTS], 1)
            return (made["prompt"].unsqueeze(2) * small.unsqueeze(1)).flatten(1)
        return torch.stack([self._features(block, answer) for answer in answers])

    def _features(self, block: str, answer: Blocks) -> Tensor:
        if block == "length":
            return _bumps(answer["shape"][0].double())
        if block == "plausible":
            return answer["likelihood"][GAP : GAP + 1].double()
        if block == "sentences":
            return _of_sentences(answer["sentences"].double(), self._quantiles)
        if block == "words":
            return self._words.presence(answer["words"])
        if block == "references":
            return self._words.likeness(answer["words"], answer["reference words"])
        return answer[block].double()

    def tensors(self) -> dict[str, Tensor]:
        """By name, as files keep them; `from_tensors` takes them back to the bit."""
        named = {
            f"columns.{block}.{name}": getattr(scaling, name)
            for block, scaling in self._scalings.items()
            for name in SCALING
        }
        words = {"columns.words.vocabulary": self._words.vocabulary, "columns.words.rarity": self._words.rarity}
        return named | words | {"columns.sentences.quantiles": self._quantiles}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "Columns":
        """Raises KeyError where one is missing."""
        scalings = {block: Scaling(*(tensors[f"columns.{block}.{name}"] for name in SCALING)) for block in ORDER}
        words = RareWords(tensors["columns.words.vocabulary"], tensors["columns.words.rarity"])
        return cls(scalings, tensors["columns.sentences.quantiles"], words)


def within_prompts(features: Tensor, prompts: Tensor) -> Tensor:
    """[N,F] -> each less the mean over its prompt's answers [N] (numbers from 0); less the mean of all where no prompt
    has two."""
    counts = torch.bincount(prompts)
    if int(counts.max()) < 2:
        return features - features.mean(0)
    sums = torch.zeros(len(counts), features.shape[1], dtype=features.dtype).index_add_(0, prompts, features)
    several = counts[prompts] > 1
    return (features - (sums / counts.clamp(min=1).unsqueeze(1))[prompts])[several]


def _places(prompts: Sequence[int]) -> Tensor:
    _, places = torch.unique(torch.tensor(list(prompts)), return_inverse=True)
    numbers: Tensor = places
    return numbers


def _bumps(log_length: Tensor) -> Tensor:
    centers = torch.linspace(math.log(SHORTEST), math.log(LONGEST), BUMPS, dtype=torch.float64)
    return torch.cat([torch.exp(-0.5 * ((log_length - centers) / WIDTH).square()), log_length.unsqueeze(0)])


def _of_sentences(statistics: Tensor, quantiles: Tensor) -> Tensor:
    """[S,6] and [Q,6]: means, the least two, the share of sentences below each quantile (softly), and their number."""
    ordered = statistics.sort(0).values
    spread = (quantiles[-1] - quantiles[1]).clamp(min=TINY)
    below = torch.sigmoid((quantiles.unsqueeze(1) - statistics) / (SOFTNESS * spread))  # [Q,S,6]
    parts = [statistics.mean(0), ordered[0], ordered[min(1, len(ordered) - 1)], below.mean(1).flatten()]
    return torch.cat([*parts, torch.tensor([math.log(len(statistics))], dtype=torch.float64)])


def _standard(mean: Tensor, apart: Tensor) -> Scaling:
    """Each column of `apart` [N,F] with deviation 1, all together with size 1."""
    deviations = apart.square().mean(0).sqrt()
    gains = torch.where(deviations > TINY, 1.0 / deviations.clamp(min=TINY), 0.0)
    return _unbounded(mean, torch.diag(gains / math.sqrt(apart.shape[1])))


def _components(mean: Tensor, apart: Tensor, most: int) -> Scaling:
    """The strongest principal components of `apart` [N,F], in proportion to their deviations."""
    sizes, directions = _strongest(apart, most)
    kept = int((sizes > TINY * sizes[:1].clamp(min=TINY)).sum())
    if kept == 0:
        return _unbounded(mean, torch.zeros(1, apart.shape[1], dtype=torch.float64))
    total = (sizes[:kept].square().sum() / len(apart)).sqrt()
    return _unbounded(mean, directions[:kept] / total)


def _strongest(apart: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Singular values and directions [C,F] of the strongest components, strongest first. Of wide blocks by subspace
    iteration from a fixed start (Halko et al. 2011, algorithm 4.4): all of them would take ten times as long."""
    if apart.shape[1] <= WIDE:
        squares, directions = torch.linalg.eigh(apart.T @ apart)  # ascending
        return squares.flip(0)[:most].clamp(min=0).sqrt(), directions.T.flip(0)[:most]
    drawn = torch.Generator().manual_seed(0)
    width = min(most + SPARE, *apart.shape)
    span = torch.randn(apart.shape[1], width, generator=drawn, dtype=torch.float64)
    for _ in range(ITERATIONS):
        span = torch.linalg.qr(apart.T @ (apart @ span)).Q
    _, sizes, turned = torch.linalg.svd(apart @ span, full_matrices=False)
    return sizes[:most], (turned @ span.T)[:most]


def _unbounded(mean: Tensor, matrix: Tensor) -> Scaling:
    return Scaling(mean, matrix, torch.full((len(matrix),), math.inf, dtype=torch.float64))
