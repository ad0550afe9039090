"""A project in small: five notebooks that run in a second each, for tests of the chain itself."""

import shutil

import nbformat
import yaml

from echoes_lib.workspace import PROJECT

STEPS = ("1_preprocess", "2_search", "3_train", "4_evaluate", "5_register")

BODY = """
import json, os, pathlib, sys, time
folder = pathlib.Path(os.environ["ECHOES_HOME"], "runs", profile, user_id, "{step}")
folder.mkdir(parents=True, exist_ok=True)
log = pathlib.Path(os.environ["ECHOES_HOME"], "executed.txt")
log.write_text((log.read_text() if log.exists() else "") + "{step}\\n")
(folder / "out.txt").write_text("made by {step} for " + user_id)
"""
EXTRA = {
    "2_search": '(folder / "best.yaml").write_text("lora_r: 24\\n")',
    "3_train": '(folder / "out.txt").write_text(str(lora_r))',
    "4_evaluate": """
score = dict(value=1.0, low=0.5, high=1.5)
names = ["bits_per_byte", "bleu", "chrf", "rouge1", "rouge2", "rougeL"]
result = dict(
    questions=[dict(question="Why [not]?", base="a", echo="b", person="c")],
    scores=[dict(score, metric=m, system=s) for m in names for s in ("base", "echo")],
    differences=[dict(score, metric=m) for m in names],
)
(folder / "scores.json").write_text(json.dumps(result))
""",
}


def notebook(step, extra=""):
    cells = [
        nbformat.v4.new_code_cell(
            "# Parameters\nuser_id = 'luke'\nprofile = 'demo'\nlora_r = 16",
            metadata={"tags": ["parameters"]},
        ),
        nbformat.v4.new_code_cell(BODY.format(step=step)),
        nbformat.v4.new_code_cell(extra or EXTRA.get(step, "")),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=kernel)


def write_notebook(project, step, extra=""):
    nbformat.write(notebook(step, extra), project / "notebooks" / f"{step}.ipynb")


def make_project(folder):
    """Write a project with one profile, `demo`, of five small notebooks."""
    (folder / "notebooks").mkdir(parents=True)
    (folder / "params" / "demo").mkdir(parents=True)
    shutil.copy(PROJECT / "params" / "demo" / "common.yaml", folder / "params" / "demo")
    for step in STEPS:
        write_notebook(folder, step)
        (folder / "params" / "demo" / f"{step}.yaml").write_text(yaml.safe_dump({}))
    return folder
