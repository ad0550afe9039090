"""The parameters of each notebook, with type, range and default.

Defaults are those of the profile `demo`: the seedling on two CPU cores. Every name here
stands in the parameters cell of its notebook with the same value; tests/params holds both
to it. Names are those of transformers, PEFT and TRL for their things.

Shape: keyword values -> one frozen object per notebook, or pydantic.ValidationError.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Ratio = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
PERSONA = "You are {name}, sharing your authentic thoughts and experiences with warmth and wisdom."
ALL_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

# What is read of the reflections database, by table; see `Source`.
COLUMNS = {
    "user_responses": ("user_id", "question_id", "response_text", "response_time_seconds"),
    "questions": ("question_id", "category", "question_text"),
    "users": ("user_id", "name"),
}


def persona(name: str, system_prompt: str = PERSONA) -> str:
    """Fill a person's name into a system prompt; other braces stay as they are."""
    return system_prompt.replace("{name}", name)


class Strict(BaseModel):
    """A frozen set of values in which an unknown name is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Common(Strict):
    """What all notebooks share: whose echo, on which base, loaded how."""

    profile: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$")] = "demo"
    user_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$")] = "luke"
    database_url: str | None = None
    base_model: Annotated[str, Field(min_length=1)] = "seedling"
    base_revision: str | None = None
    quantization: Literal["none", "nf4", "int8"] = "none"
    double_quantization: bool = True
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    attention: Literal["auto", "flash_attention_2", "sdpa", "eager"] = "auto"
    # None: the tokenizer's own; a name, for a tokenizer that has none (models/templates/).
    chat_template: Literal["mistral_v3", "chatml", "llama2", "phi3", "phi3_mini"] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 7


class Source(Strict):
    """What the tables and columns of reflections are called; the defaults are the project's own.

    `columns` maps our name to theirs, `response_text: answer`, in every table that has it; with
    our table in front, `questions.question_id: id`, in that table alone.
    """

    responses: Annotated[str, Field(min_length=1)] = "user_responses"
    questions: str | None = "questions"  # None: the questions that ship with the project
    users: str | None = "users"  # None: people are called by their user_id
    columns: dict[str, Annotated[str, Field(min_length=1)]] = {}

    @field_validator("columns")
    @classmethod
    def names_are_known(cls, columns: dict[str, str]) -> dict[str, str]:
        """Refuse a mapping of a column that is never read."""
        names = {name for table in COLUMNS.values() for name in table} | {"word_count"}
        names |= {f"{table}.{name}" for table in COLUMNS for name in COLUMNS[table]}
        if unknown := sorted(set(columns) - names):
            raise ValueError(f"{', '.join(unknown)} is not read: map {', '.join(sorted(names))}")
        return columns


Treatment = Literal["keep", "redact", "pseudonymise"]


class PrivacyPolicy(Strict):
    """What becomes of private data in answers, kind by kind; names are part of a life."""

    email: Treatment = "redact"
    phone: Treatment = "redact"
    card: Treatment = "redact"
    bank: Treatment = "redact"
    address: Treatment = "redact"
    id: Treatment = "redact"
    secret: Treatment = "redact"
    url: Treatment = "redact"
    ip: Treatment = "redact"
    handle: Treatment = "redact"
    name: Treatment = "keep"


class PreprocessParams(Common):
    """1_preprocess: from reflections to a dataset folder."""

    source: Source = Source()
    system_prompt: Annotated[str, Field(min_length=1)] = PERSONA
    privacy: PrivacyPolicy = PrivacyPolicy()
    min_words: Annotated[int, Field(ge=0)] = 50
    max_words_per_minute: Annotated[float, Field(gt=0)] = 120.0
    languages: Annotated[list[LanguageCode], Field(min_length=1)] = ["en"]
    min_language_share: Share = 0.7
    min_coherence: Annotated[float, Field(ge=-1, le=1)] = 0.22
    min_prose_ratio: Share = 0.47
    min_flow: Annotated[float, Field(ge=-1, le=1)] = 0.48
    max_tone_distance: Annotated[float, Field(gt=0)] = 7.0
    max_similarity: Share = 0.6
    test_ratio: Ratio = 0.1
    validation_ratio: Ratio = 0.1
    stage2_ratio: Ratio = 0.2
    near_duplicate_ratio: Annotated[float, Field(ge=0.15, le=1)] = 0.2
    target_examples: Count = 450
    max_uses_per_sentence: Count = 6
    theme_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.1
    follow_up_writer: Literal["rules", "base_model"] = "rules"
    max_length: Annotated[int, Field(ge=64)] = 768

    @model_validator(mode="after")
    def something_left_to_train(self) -> "PreprocessParams":
        """Refuse ratios that leave nothing to train on."""
        if self.test_ratio + self.validation_ratio >= 1:
            raise ValueError("test_ratio + validation_ratio must be below 1")
        return self

    @model_validator(mode="after")
    def the_writer_can_write(self) -> "PreprocessParams":
        """Refuse to let the seedling write questions: it only ever learned to answer them."""
        if self.follow_up_writer == "base_model" and self.base_model == "seedling":
            raise ValueError(
                "follow_up_writer=base_model needs a base model that follows instructions, and "
                "base_model=seedling does not: set follow_up_writer: rules, or choose another "
                f"base_model in params/{self.profile}/common.yaml"
            )
        return self


class Lora(Common):
    """What search and training share: LoRA and the optimizer."""

    lora_r: Annotated[int, Field(ge=1, le=1024)] = 16
    lora_alpha: Count = 32
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    use_rslora: bool = False
    use_dora: bool = False
    init_lora_weights: Literal["default", "pissa", "eva"] = "default"
    target_modules: Annotated[list[str], Field(min_length=1)] = ALL_LINEAR
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 2e-3
    lr_scheduler_type: Literal["cosine", "linear", "constant", "constant_with_warmup"] = "cosine"
    warmup_steps: Annotated[int, Field(ge=0)] = 4
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    per_device_train_batch_size: Count = 8
    gradient_accumulation_steps: Count = 1
    max_tokens_per_pass: Annotated[int, Field(ge=64)] = 2048
    packing: bool = False
    # auto: as few layers as the memory plan needs (models/plan.py).
    gradient_checkpointing: bool | Literal["auto"] = "auto"
    max_length: Annotated[int, Field(ge=64)] = 768
    soft_limit_celsius: Annotated[float, Field(ge=30, le=120)] = 83.0
    hard_limit_celsius: Annotated[float, Field(ge=30, le=120)] = 90.0
    sample_interval_s: Annotated[float, Field(gt=0, le=60)] = 2.0

    @model_validator(mode="after")
    def slows_before_it_stops(self) -> "Lora":
        """Refuse a hard limit that is reached before the soft one."""
        if self.soft_limit_celsius >= self.hard_limit_celsius:
            raise ValueError("soft_limit_celsius must be below hard_limit_celsius")
        return self

    @model_validator(mode="after")
    def variants_agree(self) -> "Lora":
        """Refuse variants of LoRA that contradict each other or the base's quantisation."""
        if self.use_dora and self.init_lora_weights == "pissa":
            raise ValueError(
                "use_dora=true and init_lora_weights=pissa contradict each other (DoRA's lengths "
                "cannot be saved with PiSSA's start): set one of them to false or default"
            )
        if self.use_dora and self.quantization == "int8":
            raise ValueError(
                "use_dora=true needs the length of every weight, which PEFT cannot take from "
                "quantization=int8: set quantization: nf4, or use_dora: false"
            )
        return self


class SearchParams(Lora):
    """2_search: an Optuna study over LoRA and the optimizer."""

    n_trials: Count = 4
    search_epochs: Annotated[float, Field(gt=0)] = 1.0
    search_examples: Count = 96
    evaluations_per_trial: Count = 3
    lora_r_choices: Annotated[list[int], Field(min_length=1)] = [8, 16, 32]
    alpha_per_r_choices: Annotated[list[float], Field(min_length=1)] = [1.0, 2.0]
    learning_rate_min: Annotated[float, Field(gt=0, lt=1)] = 5e-4
    learning_rate_max: Annotated[float, Field(gt=0, lt=1)] = 8e-3
    lora_dropout_max: Annotated[float, Field(ge=0, lt=1)] = 0.1

    @model_validator(mode="after")
    def range_is_open(self) -> "SearchParams":
        """Refuse an empty range of learning rates."""
        if self.learning_rate_min >= self.learning_rate_max:
            raise ValueError("learning_rate_min must be below learning_rate_max")
        return self


class TrainParams(Lora):
    """3_train: two stages of LoRA; stage 2 goes on from the best of stage 1."""

    stage1_epochs: Annotated[float, Field(gt=0)] = 2.0
    stage2_epochs: Annotated[float, Field(gt=0)] = 2.0
    stage2_learning_rate_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    stage2_replay_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0
    evaluations_per_epoch: Count = 2
    checkpoint_interval_s: Annotated[float, Field(ge=0)] = 60.0
    early_stopping_patience: Count = 3


class Generation(Strict):
    """How replies are sampled; the defaults are the seed's."""

    temperature: Annotated[float, Field(gt=0, le=5)] = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    top_k: Annotated[int, Field(ge=0)] = 50
    repetition_penalty: Annotated[float, Field(ge=1, le=5)] = 1.1
    max_new_tokens: Count = 256
    do_sample: bool = True


class EvaluateParams(Common):
    """4_evaluate: base against echo on the questions that training never saw."""

    generation: Generation = Generation()
    per_device_eval_batch_size: Count = 8
    max_length: Annotated[int, Field(ge=64)] = 768
    bootstrap_resamples: Annotated[int, Field(ge=100)] = 2000
    confidence: Ratio = 0.95


class RegisterParams(Common):
    """5_register: the echo as a model version, and the gates to @champion."""

    gate_min_questions: Count = 5
    gate_max_bits_per_byte_ratio: Annotated[float, Field(gt=0)] = 1.0
    gate_confidence: Ratio = 0.95
    bootstrap_resamples: Annotated[int, Field(ge=100)] = 2000
    generation: Generation = Generation()
    smoke_question: Annotated[str, Field(min_length=1)] = "What small thing makes you happy?"


class ChatParams(Common):
    """6_chat: a conversation with a registered echo."""

    model_alias: Annotated[str, Field(min_length=1)] = "champion"
    questions: Annotated[list[str], Field(min_length=1)] = [
        "What small thing makes you happy?",
        "And who taught you to notice it?",
        "Are you a person or an AI?",
    ]


STEPS: dict[str, type[Common]] = {
    "1_preprocess": PreprocessParams,
    "2_search": SearchParams,
    "3_train": TrainParams,
    "4_evaluate": EvaluateParams,
    "5_register": RegisterParams,
    "6_chat": ChatParams,
}
