"""A home with two people in it, made by the project's own writers, small and quick.

Luke and Agnes have answers, a dataset, an executed notebook, scores with replies, a search, an
adapter, MLflow runs with all of these as artifacts, and if asked for a registered version.
One word of each answer occurs nowhere else.
"""

import json
import random
import shutil
from dataclasses import dataclass

import nbformat
import numpy as np

from echoes_lib.evaluation.compare import Scores, write_scores
from echoes_lib.evaluation.pictures import replies_html
from echoes_lib.measures import encoder
from echoes_lib.params import PreprocessParams, RegisterParams
from echoes_lib.reflections.dataset import build_dataset
from echoes_lib.reflections.sources.connect import opened
from echoes_lib.reflections.sources.schema import Fact, Probe
from echoes_lib.reflections.sources.store import Reflection
from echoes_lib.registry.register import register, write_registered
from echoes_lib.tracking.runs import PARENT, create_run, step_tags
from echoes_lib.tracking.store import experiment_id, prepare_store
from echoes_lib.workspace import workspace, write_text
from tests.reflections.people import write

WORDS = [
    "kettle",
    "fence",
    "naïve",
    "winter",
    "brother's",
    "ladder",
    "soup",
    "harbour",
    "whistle",
    "Tuesday",
    "borrowed",
    "copper",
    "quiet",
    "saddle",
    "orchard",
    "mended",
    "letter",
    "corridor",
    "pigeon",
    "varnish",
    "elbow",
    "gravel",
    "lantern",
    "thimble",
    "aunt's",
    "radio",
    "paprika",
    "ferry",
    "umbrella",
    "chalk",
]
IDS = range(1, 41)
ANSWERED = 17


@dataclass
class Lives:
    """The answers of both people: user -> question id -> text."""

    url: str
    answers: dict[str, dict[int, str]]

    def sentences(self, user_id, *questions):
        """Return every sentence of some answers, of all when none is named."""
        chosen = questions or tuple(self.answers[user_id])
        texts = [self.answers[user_id][q] for q in chosen]
        return [s for text in texts for s in text.replace("\n\n", " ").split(". ")]


def nonce(user_id, number):
    return f"zy{user_id}{number}qx"


def answer(user_id, number):
    draw = random.Random(f"{user_id} {number}")
    said = [" ".join(draw.choices(WORDS, k=12)).capitalize() for _ in range(6)]
    said[2] += f" {nonce(user_id, number)} “as {user_id} said & wrote”"
    return ". ".join(said[:3]) + ".\n\n" + ". ".join(said[3:]) + "."


def write_people(users=("luke", "agnes")):
    """Write people with their answers, a fact, a probe each, and their consent."""
    answers = {user: {i: answer(user, i) for i in IDS} for user in users}
    url = workspace().database_url
    for user in users:
        rows = [
            Reflection(i, f"theme{i // 9}", f"What is number {i}?", text, 240.0)
            for i, text in answers[user].items()
        ]
        write(rows, user, user.capitalize(), url)
        from sqlalchemy.orm import Session

        with opened(url, write=True) as engine, Session(engine) as session, session.begin():
            session.add(Fact(user_id=user, fact_id=1, kind="person", fact=answers[user][3]))
            probes = ((1, ANSWERED), (2, 3))
            for number, question in probes:
                session.add(
                    Probe(
                        user_id=user,
                        probe_id=number,
                        question=f"Which word is in answer {question}?",
                        accepted=json.dumps([nonce(user, question)]),
                        wrong="[]",
                        question_id=question,
                    )
                )
    return Lives(url, answers)


def write_chain(lives, user_id, monkeypatch, adapter, versions=0):
    """Leave what a chain of one person leaves; `adapter` is a folder of `make_echo_folder`."""
    one = encoder.Placed(np.full(4, 0.5), np.full((3, 4), 0.5))
    monkeypatch.setattr(encoder, "_kept", {})
    monkeypatch.setattr(encoder, "_read", lambda texts: [one] * len(texts))
    params = PreprocessParams(
        user_id=user_id, min_coherence=-1.0, min_prose_ratio=0.0, max_similarity=1.0
    )
    dataset = build_dataset(params, lambda talk: sum(len(m["content"].split()) for m in talk))
    digest, folder = dataset.manifest["dataset_hash"], workspace().chain_dir("demo", user_id)
    scores = make_scores(lives, user_id, digest)
    write_scores(scores, folder / "4_evaluate")
    write_text(folder / "2_search" / "trials.json", '[{"number": 0, "value": 2.5}]\n')
    place_adapter(adapter, folder / "3_train" / "adapter", user_id, digest)
    write_notebook(folder / "4_evaluate.ipynb", user_id, scores)
    write_text(folder / "chain.json", "{}")
    log_chain(params, dataset, scores, folder, versions)


def place_adapter(adapter, folder, user_id, digest):
    """Copy an adapter with random weights to where 3_train leaves it, as this person's own."""
    shutil.copytree(adapter, folder)
    card = json.loads((folder / "echo.json").read_text())
    card |= {"user_id": user_id, "dataset_hash": digest}
    write_text(folder / "echo.json", json.dumps(card))


def make_scores(lives, user_id, digest):
    """Make scores of six questions with the person's answers and replies that recite them."""
    questions = [
        {
            "question_id": i,
            "category": "places",
            "question": f"What is number {i}?",
            "person": lives.answers[user_id][i],
            "echo": "I recall. " + lives.answers[user_id][i],
            "base": "I am not sure.",
            "base_bits": 200.0,
            "echo_bits": 150.0 + i,
            "n_bytes": 100,
        }
        for i in (2, 5, 9, ANSWERED, 23, 31)
    ]
    one = {"value": 1.0, "low": 0.5, "high": 1.5, "n": 6}
    names = ("bits_per_byte", "bleu", "chrf", "rouge1", "rouge2", "rougeL")
    rows = [{"system": s, "metric": m, **one} for s in ("base", "echo") for m in names]
    return Scores(digest, questions, rows, [{"metric": "bleu", **one}])


def write_notebook(path, user_id, scores):
    """Write an executed notebook with replies in its output, as papermill leaves one."""
    given = nbformat.v4.new_code_cell(
        f'user_id = "{user_id}"\nprofile = "demo"', metadata={"tags": ["injected-parameters"]}
    )
    html = replies_html(scores.questions[3:4], user_id)
    shown = nbformat.v4.new_output("display_data", {"text/html": html})
    cells = [given, nbformat.v4.new_code_cell("display(replies)", outputs=[shown])]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, nbformat.writes(nbformat.v4.new_notebook(cells=cells)))
    return path


def log_chain(params, dataset, scores, folder, versions=0):
    """Log a chain's runs as chain and notebooks do, trials included."""
    from matplotlib.figure import Figure

    prepare_store()
    experiment = experiment_id(f"echo-{params.user_id}")
    chain = create_run(experiment, "chain", step_tags("chain", params))
    digest = dataset.manifest["dataset_hash"]
    steps = {}
    for step in ("1_preprocess", "2_search", "3_train", "4_evaluate", "5_register"):
        run = create_run(experiment, step, {**step_tags(step, params), PARENT: chain.run_id})
        run.log_params(params.model_dump())
        run.set_tags({"dataset_hash": digest})
        run.log_figure(Figure(figsize=(1, 1)), "some.png")
        steps[step] = run
    steps["1_preprocess"].log_file(dataset.folder / "manifest.json")
    steps["1_preprocess"].log_dataset(
        dataset.folder / "test.jsonl", f"{params.user_id}-test", digest, "testing"
    )
    with steps["2_search"].child("trial 0", {"lora_r": 8}) as trial:
        trial.log_metrics({"validation_loss": 2.5})
    evaluated = steps["4_evaluate"]
    evaluated.log_metrics(scores.metrics())
    evaluated.log_table(scores.questions, "replies.json")
    evaluated.log_file(folder / "4_evaluate" / "scores.json")
    evaluated.log_file(folder / "4_evaluate.ipynb", "notebook")
    for _ in range(versions):
        settings = RegisterParams(
            user_id=params.user_id, generation={"max_new_tokens": 8}, bootstrap_resamples=100
        )
        made = register(folder / "3_train" / "adapter", scores, settings, steps["5_register"])
        write_registered(made, folder / "5_register")
    chain.set_tags({"dataset_hash": digest})
    for run in (*steps.values(), chain):
        run.end("FINISHED")
