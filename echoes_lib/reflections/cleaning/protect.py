"""Apply the privacy policy: keep, redact or pseudonymise what is private, kind by kind.

    keep           stays as it is, and is counted
    redact         becomes a marker that says what stood there: [email], [phone], [name]
    pseudonymise   becomes another value of its kind, always the same one (see `pseudonyms`)

Protecting what is protected changes nothing: markers and pseudonyms are never found. The
report counts by question and kind and holds no text. No finder is perfect: it lowers what an
echo can leak, it does not make a diary public.

Shape: answers of one person -> Protected(answers in the same order, findings).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from echoes_lib.errors import ParamsError
from echoes_lib.params import PrivacyPolicy
from echoes_lib.reflections.cleaning.detect import KINDS, Span, find_private, resolve
from echoes_lib.reflections.cleaning.pseudonyms import Pseudonyms
from echoes_lib.reflections.sources.store import Reflection

MAX_ROUNDS = 20  # a replacement may uncover a neighbour; two rounds are usual


@dataclass(frozen=True, order=True)
class Finding:
    """How many values of one kind an answer held, and what became of them."""

    question_id: int
    kind: str
    action: str
    count: int


@dataclass(frozen=True)
class Protected:
    """Answers as the policy wants them, and what was found in them."""

    answers: list[Reflection]
    findings: list[Finding]


def protect(
    answers: Sequence[Reflection],
    policy: PrivacyPolicy,
    key: bytes | str = b"",
    spare: Iterable[str] = (),
) -> Protected:
    """Guard what is private in the answers of one person, and in their questions.

    Args:
        answers: all of them, cleaned. Names are gathered over all, so protect them together.
        policy: what becomes of each kind.
        key: the person's key (see `keys.privacy_key`); needed to pseudonymise.
        spare: names that are no secret, such as the person's own, which the echo bears.

    Returns:
        New answers in the same order; findings by question, then kind.

    Raises:
        ParamsError: a kind is to be pseudonymised and there is no key.
        DataError: a kind has more different values than pseudonyms.
    """
    actions: dict[str, str] = policy.model_dump()
    if "pseudonymise" in actions.values() and not key:
        raise ParamsError(
            "privacy: pseudonymise needs a key, and key is empty: pass privacy_key(user_id)"
        )
    texts = [text for answer in answers for text in (answer.question, answer.text)]
    guarded, counts = _Guard(actions, Pseudonyms(key), tuple(spare)).guard(texts)
    pairs = zip(answers, guarded[::2], guarded[1::2], strict=True)
    return Protected(
        [replace(answer, question=question, text=text) for answer, question, text in pairs],
        _findings(answers, counts, actions),
    )


def count_findings(findings: Iterable[Finding]) -> dict[str, dict[str, int]]:
    """Sum findings up: kind -> action -> count, in the order of kinds."""
    findings = list(findings)
    totals: dict[str, dict[str, int]] = {}
    for kind in KINDS:
        for finding in findings:
            if finding.kind == kind:
                row = totals.setdefault(kind, {})
                row[finding.action] = row.get(finding.action, 0) + finding.count
    return totals


def sum_up(findings: Sequence[Finding], shown: int = 12) -> list[dict[str, object]]:
    """Sum findings up for people: a row per kind and action, with the questions it names.

    Args:
        findings: of one person.
        shown: how many ids of answers that kept the value; of changed ones all are named.

    Returns:
        Rows of kind, action, count, answers (how many) and question_ids.
    """
    rows: list[dict[str, object]] = []
    for kind, actions in count_findings(findings).items():
        for action, count in actions.items():
            ids = [str(f.question_id) for f in findings if (f.kind, f.action) == (kind, action)]
            named = ids[:shown] if action == "keep" else ids
            more = f" and {len(ids) - len(named)} more" if len(ids) > len(named) else ""
            row = {"kind": kind, "action": action, "count": count, "answers": len(ids)}
            rows.append(row | {"question_ids": ", ".join(named) + more})
    return rows


@dataclass
class _Guard:
    actions: dict[str, str]
    pseudonyms: Pseudonyms
    spare: tuple[str, ...]
    seen: dict[str, list[Span]] = field(default_factory=dict)

    def guard(self, texts: list[str]) -> tuple[list[str], list[dict[str, int]]]:
        """Replace until nothing is left to replace; count per text and kind."""
        counts: list[dict[str, int]] = [{} for _ in texts]
        found = self._find(texts)
        for i, spans in enumerate(found):
            _count(counts[i], (s for s in resolve(spans) if self.actions[s.kind] == "keep"))
        for _ in range(MAX_ROUNDS):
            replaced = [resolve(filter(self._is_replaced, spans)) for spans in found]
            if not any(replaced):
                return texts, counts
            for i, spans in enumerate(replaced):
                _count(counts[i], spans)
                texts[i] = self._replaced(texts[i], spans)
            found = self._find(texts)
        raise AssertionError(f"replacements were found and replaced again {MAX_ROUNDS} times")

    def _find(self, texts: list[str]) -> list[list[Span]]:
        return find_private(texts, self.spare, self.seen)

    def _is_replaced(self, span: Span) -> bool:
        return self.actions[span.kind] != "keep"

    def _replaced(self, text: str, spans: list[Span]) -> str:
        pieces, last = [], 0
        for span in spans:
            pieces += [text[last : span.start], self._instead(text, span)]
            last = span.end
        return "".join([*pieces, text[last:]])

    def _instead(self, text: str, span: Span) -> str:
        if self.actions[span.kind] == "redact":
            return f"[{span.kind}]"
        if not span.parts:
            return self.pseudonyms.of(span.kind, text[span.start : span.end])
        return " ".join(
            self.pseudonyms.of(span.kind, text[part.start : part.end], part.role)
            for part in span.parts
        )


def _count(counts: dict[str, int], spans: Iterable[Span]) -> None:
    for span in spans:
        counts[span.kind] = counts.get(span.kind, 0) + 1


def _findings(
    answers: Sequence[Reflection], counts: list[dict[str, int]], actions: dict[str, str]
) -> list[Finding]:
    total: dict[tuple[int, str], int] = {}
    for i, per_kind in enumerate(counts):
        for kind, count in per_kind.items():
            place = (answers[i // 2].question_id, kind)
            total[place] = total.get(place, 0) + count
    return sorted(Finding(q, kind, actions[kind], n) for (q, kind), n in total.items())
