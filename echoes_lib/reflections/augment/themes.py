"""Find the themes that several answers share: clusters of passages, each with a name.

Passages are placed by the sentence encoder, and the question that was answered counts half as
much again: a story about a snow plough is about trust when that was asked. They are clustered
by Ward's method, into the number of clusters with the best silhouette. A cluster's keywords are
the terms that set it apart from the others (term frequency per cluster, times inverse frequency
over clusters); they are for people to look at. Its name is the nearest of the hand-written
themes of `nouns.py`, since keywords do not make a question; clusters of one name are one theme.
Some themes are near to all that a person says, so nearness counts against the person's mean.
Of a cluster only the passages near its name stay, and those of other clusters join that are
nearer still, the nearest first.

Does not look at held-out answers, and stores no text.

Shape: answers -> themes, each Theme(noun, keywords, passages).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from echoes_lib.reflections.augment.nouns import NOUNS, Noun
from echoes_lib.reflections.augment.parts import Answer
from echoes_lib.reflections.augment.passages import Passage, find_passages

Encode = Callable[[Sequence[str]], np.ndarray]
MIN_PASSAGES = 8
QUESTION_WEIGHT = 0.5
MIN_CLOSENESS, MIN_CLOSENESS_OUTSIDE = 0.3, 0.36
MAX_RANK, MAX_RANK_OUTSIDE = 5, 2  # which of a passage's own themes it is, from 0
PER_CLUSTER = (5, 20)  # passages in a cluster, on average
N_KEYWORDS = 5


@dataclass(frozen=True)
class Theme:
    """What several answers speak of, with the passages that do, the nearest first."""

    noun: Noun
    keywords: tuple[str, ...]
    passages: tuple[Passage, ...]
    vectors: np.ndarray

    @property
    def question_ids(self) -> list[int]:
        """The answers that the passages come from."""
        return sorted({passage.question_id for passage in self.passages})


def find_themes(answers: Sequence[Answer], encode: Encode) -> list[Theme]:
    """Find the themes of a person's answers.

    Args:
        answers: those that may be learnt from, of both stages.
        encode: texts -> unit vectors (n, d).

    Returns:
        Themes in order of their table, each with passages from at least two answers; none
        where there are fewer than eight passages.
    """
    passages = find_passages(answers)
    if len(passages) < MIN_PASSAGES:
        return []
    vectors, closeness = _place(passages, answers, encode)
    labels = cluster(vectors)
    keywords = _keywords(passages, labels)
    standing = (closeness - closeness.mean(axis=0)).round(5)
    members: dict[int, list[int]] = {}  # theme -> clusters
    for label in range(labels.max() + 1):
        name = int(standing[labels == label].mean(axis=0).round(5).argmax())
        members.setdefault(name, []).append(label)
    rank = (standing[:, None, :] > standing[:, :, None]).sum(axis=2)
    near = (closeness >= MIN_CLOSENESS) & (rank < MAX_RANK)
    nearest = (closeness >= MIN_CLOSENESS_OUTSIDE) & (rank < MAX_RANK_OUTSIDE)
    found = []
    for name, clusters in sorted(members.items()):
        inside = np.isin(labels, clusters)
        rows = np.flatnonzero(inside & near[:, name] | nearest[:, name])
        rows = rows[np.argsort(-standing[rows, name], kind="stable")]
        words = dict.fromkeys(term for label in clusters for term in keywords[label])
        kept = tuple(passages[row] for row in rows)
        found.append(Theme(NOUNS[name], tuple(words), kept, vectors[rows]))
    return [theme for theme in found if len(theme.question_ids) > 1]


def cluster(vectors: np.ndarray) -> np.ndarray:
    """Cluster vectors into the number of groups with the best silhouette.

    Args:
        vectors: unit vectors (n, d), n of at least 8.

    Returns:
        A label (n,) from 0 on for each; all 0 where nothing tells them apart.
    """
    from scipy.cluster.hierarchy import fcluster, ward
    from sklearn.metrics import pairwise_distances, silhouette_score

    n_distinct = len(np.unique(vectors.round(4), axis=0))
    best, best_score = np.zeros(len(vectors), dtype=int), 0.0
    fewest, most = (max(2, len(vectors) // size) for size in reversed(PER_CLUSTER))
    tree, apart = ward(vectors), pairwise_distances(vectors, metric="cosine")
    np.fill_diagonal(apart, 0.0)
    for n in range(fewest, min(most, n_distinct - 1) + 1):
        labels = fcluster(tree, n, criterion="maxclust") - 1
        if not 1 < len(np.unique(labels)) < len(labels):
            continue
        score = round(float(silhouette_score(apart, labels, metric="precomputed")), 5)
        if score > best_score:
            best, best_score = labels, score
    return best


def _place(
    passages: Sequence[Passage], answers: Sequence[Answer], encode: Encode
) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors (n, d) of passages and their cosines (n, themes) with the themes."""
    questions = {answer.question_id: answer.reflection.question for answer in answers}
    order = sorted({questions[p.question_id] for p in passages})
    asked = dict(zip(order, encode(order), strict=True))
    vectors = encode([p.text for p in passages])
    vectors = vectors + QUESTION_WEIGHT * np.stack(
        [asked[questions[p.question_id]] for p in passages]
    )
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return vectors, (vectors @ encode([f"{n.phrase}: {n.gloss}" for n in NOUNS]).T).round(5)


def _keywords(passages: Sequence[Passage], labels: np.ndarray) -> list[list[str]]:
    """Return the terms that set each cluster apart, as BERTopic's class-based TF-IDF does."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    joined = [
        " ".join(p.text for p, label in zip(passages, labels, strict=True) if label == n)
        for n in range(labels.max() + 1)
    ]
    pattern = r"[^\W\d_]{3,}"
    counter = TfidfVectorizer(stop_words="english", token_pattern=pattern, sublinear_tf=True)
    weights = counter.fit_transform(joined).toarray().round(6)
    terms = counter.get_feature_names_out()
    return [[terms[i] for i in np.lexsort((terms, -row))[:N_KEYWORDS]] for row in weights]
