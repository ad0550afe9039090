"""Ask what a listener would ask between two parts of an answer: by rules, or by the base model.

The writer is any callable (what was said, what comes next) -> question. What it writes is used
only if it is one question that a listener could ask, who does not yet know what comes: it
names nothing from the coming part that was not said before. All else is asked by rules, and
counted. The writer's words stand on the asking side alone, which is never trained on.

Imports no model by itself; `base_model_writer` loads one when it is called.

Shape: said, coming, choice -> (question, "written" | "rejected" | "rules").
"""

from collections import Counter
from functools import cache
from typing import Any, Protocol

from echoes_lib.measures.prose import function_words
from echoes_lib.measures.words import sentence_spans, words
from echoes_lib.reflections.augment.ask import follow_up

MIN_WORDS, MAX_WORDS, MAX_NEW_TOKENS = 2, 25, 48
_TASK = (
    "Somebody is telling you about their life. Write the one short question that a kind "
    "listener asks between the two parts below. The listener has not heard the second part. "
    "Answer with the question alone.\n\nFirst part:\n{said}\n\nSecond part:\n{coming}"
)


class FollowUpWriter(Protocol):
    """Writes what is asked between two parts of an answer."""

    def __call__(self, said: str, coming: str) -> str:
        """Return a question for the person who said `said` and is about to say `coming`."""
        ...


class FollowUps:
    """Asks between the parts of answers and counts who worded what.

    Args:
        write: a writer; rules alone when omitted.
    """

    def __init__(self, write: FollowUpWriter | None = None) -> None:
        self.write = cache(write) if write else None  # an answer may be parted twice
        self.counts: Counter[str] = Counter()

    def ask(self, said: str, coming: str, choice: int) -> str:
        """Return what is asked between two parts.

        Args:
            said: the part that was said.
            coming: the part that comes next.
            choice: any number; picks among the neutral wordings of the rules.
        """
        written = "" if self.write is None else " ".join(self.write(said, coming).split())
        fits = bool(written) and can_be_asked(written, said, coming)
        who = "rules" if self.write is None else "written" if fits else "rejected"
        self.counts[who] += 1
        return written if fits else follow_up(coming, choice)


def can_be_asked(question: str, said: str, coming: str) -> bool:
    """Say whether a listener who heard `said` could ask this question.

    Args:
        question: one line.
        said: the part before it.
        coming: the part after it.

    Returns:
        True for one sentence of 2 to 25 words that ends with a question mark, has no bracket
        or angle (what is left of a chat format), and takes no word of matter from the coming
        part that the part before did not have.

    >>> can_be_asked("And what did your father say?", "I told my father.", "He laughed.")
    True
    >>> can_be_asked("Did he laugh?", "I told my father.", "I saw him laugh at it.")
    False
    """
    asked = words(question)
    if not question.endswith("?") or len(sentence_spans(question)) != 1 or "??" in question:
        return False
    if not MIN_WORDS <= len(asked) <= MAX_WORDS or set("[]<>{}|\n") & set(question):
        return False
    unheard = {w.lower() for w in words(coming)} - {w.lower() for w in words(said)}
    return not {w.lower() for w in asked} & (unheard - function_words())


def make_writer(params: Any) -> FollowUpWriter | None:
    """Return the writer that the parameters ask for; None leaves it to the rules.

    Args:
        params: of 1_preprocess.

    Raises:
        BaseModelNotFound: the base that should write is not there.
        ModelError: it cannot be loaded or has no chat template.
    """
    return base_model_writer(params) if params.follow_up_writer == "base_model" else None


def base_model_writer(params: Any) -> FollowUpWriter:
    """Load the base model and let it write, always the same for the same parts.

    Args:
        params: an object with the fields of `params.schema.Common`.

    Returns:
        A writer; greedy, at most 48 tokens a question.

    Raises:
        ModelError: the base cannot be loaded or has no chat template.
    """
    from echoes_lib.models.load import load_base
    from echoes_lib.models.render import as_text
    from echoes_lib.models.templates import training_template

    base = load_base(params)
    template = training_template(base.tokenizer)

    def write(said: str, coming: str) -> str:
        said, coming = (as_text(base.tokenizer, part) for part in (said, coming))
        talk = [{"role": "user", "content": _TASK.format(said=said, coming=coming)}]
        inputs = base.tokenizer.apply_chat_template(
            talk, chat_template=template, add_generation_prompt=True,
            return_tensors="pt", return_dict=True,
        ).to(base.model.device)  # fmt: skip
        made = base.model.generate(
            **inputs, do_sample=False, max_new_tokens=MAX_NEW_TOKENS,
            pad_token_id=base.tokenizer.pad_token_id,
        )  # fmt: skip
        return _decoded(base.tokenizer, made[0, inputs["input_ids"].shape[1] :])

    return write


def _decoded(tokenizer: Any, ids: Any) -> str:
    return tokenizer.decode(ids, skip_special_tokens=True).strip().strip('"“”').strip()
