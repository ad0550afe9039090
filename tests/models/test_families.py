"""Every base that the project names: saved, loaded, trained, saved, loaded, spoken to.

One parameter differs between them, `base_model`.
"""

import pytest
import torch

from echoes_lib.chat.opening import open_engine
from echoes_lib.models.adapters import load_echo, new_adapter, save_echo
from echoes_lib.models.load import load_base
from echoes_lib.models.render import encode
from echoes_lib.models.targets import linear_layers, target_modules
from echoes_lib.models.templates import training_template
from echoes_lib.params import Generation, TrainParams
from tests.models.families import FAMILIES, make_family
from tests.models.own_templates import FOUND

PERSONA = "You are Luke."
ASKED = "What small thing makes you happy?"
ANSWER = "Rain on a tin roof."
ENDS = {"phi3": "<|end|>", "smollm2": "<|im_end|>"}
LAYERS = {"phi3": ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]}
LLAMAS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def folder(family, tmp_path_factory):
    return make_family(tmp_path_factory.mktemp("base") / family, family)


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """The base under an adapter that knows one answer by heart, its losses, its folder."""
    params = TrainParams(base_model=str(folder))
    base = load_base(params)
    model = adapted(base, params)
    losses = learn_by_heart(model, base.tokenizer)
    card = params.model_dump() | {
        "name": "Luke",
        "system_prompt": PERSONA,
        "base_revision": base.info["base_revision"],
    }
    adapter = save_echo(model, tmp_path_factory.mktemp("echo") / "adapter", card)
    return base, model, losses, adapter


def adapted(base, params):
    names = target_modules(base.model, params.target_modules)
    return new_adapter(base.model, params.model_copy(update={"target_modules": names}))


def conversation(tokenizer):
    messages = [
        {"role": "system", "content": PERSONA},
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": ANSWER},
    ]
    encoded = encode(tokenizer, training_template(tokenizer), messages)
    return torch.tensor([encoded.input_ids]), torch.tensor([encoded.labels])


def learn_by_heart(model, tokenizer, steps=60):
    ids, labels = conversation(tokenizer)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    losses = []
    model.train()
    for _ in range(steps):
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    model.eval()
    return losses


def test_the_loader_says_how_it_is_spoken_to(family, trained):
    info = trained[0].info
    assert info["chat_template"] == FOUND[family][1]
    assert info["end_token"] == ENDS.get(family, "</s>")
    assert info["pad_token"] != info["end_token"]
    assert info["attention"] == "sdpa" or torch.cuda.is_available()


def test_the_default_layers_are_all_linear_layers(family, trained):
    _, model, _, _ = trained
    wanted = LAYERS.get(family, LLAMAS)
    assert set(model.peft_config["default"].target_modules) == set(wanted)
    adapters = {name.split(".lora_")[0] for name, p in model.named_parameters() if p.requires_grad}
    assert len(adapters) == 2 * len(wanted)
    assert all(p.dtype == torch.float32 for p in model.parameters() if p.requires_grad)


def test_all_linear_is_every_layer_but_the_output(family, trained):
    base = load_base(TrainParams(base_model=trained[0].info["base_model"])).model
    layers = LAYERS.get(family, LLAMAS)
    assert target_modules(base, "all-linear") == sorted(layers) == linear_layers(base)
    assert target_modules(base, ["all-linear"]) == target_modules(base, "all-linear")


def test_the_loss_falls_and_the_echo_comes_back_the_same(trained):
    base, model, losses, adapter = trained
    assert losses[-1] < losses[0] / 4
    ids, _ = conversation(base.tokenizer)
    echo = load_echo(adapter)
    with torch.no_grad():
        assert torch.equal(echo.model(ids).logits, model(ids).logits)
        with echo.base_only():
            assert not torch.allclose(echo.model(ids).logits, model(ids).logits)


def test_it_answers_and_stops_at_the_token_it_was_trained_to_end_with(family, trained):
    engine = open_engine(trained[3])
    greedy = Generation(do_sample=False, repetition_penalty=1.0, max_new_tokens=80)
    reply = engine.reply([{"role": "user", "content": ASKED}], greedy)
    assert (reply.text, reply.served_by, reply.finish_reason) == (ANSWER, "echo", "stop")
    ends = engine.echo.model.generation_config.eos_token_id
    end = engine.echo.tokenizer.convert_tokens_to_ids(ENDS.get(family, "</s>"))
    assert end in (ends if isinstance(ends, list) else [ends])


def test_any_generate_stops_there_too(trained):
    """Not only the project's engine: what a registered model is served with elsewhere."""
    base, model, _, _ = trained
    ids, labels = conversation(base.tokenizer)
    prompt = ids[:, : int((labels[0] != -100).nonzero().min())]
    made = model.generate(
        input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=80, do_sample=False
    )
    assert base.tokenizer.convert_ids_to_tokens(int(made[0, -1])) == base.info["end_token"]
    assert ANSWER in base.tokenizer.decode(made[0, prompt.shape[1] :])


def test_codellama_keeps_its_own_rope(tmp_path):
    folder = make_family(tmp_path / "base", "codellama")
    config = load_base(TrainParams(base_model=str(folder))).model.config
    assert config.rope_parameters["rope_theta"] == 1_000_000.0


def test_smollm2_ties_its_embeddings(tmp_path):
    model = load_base(TrainParams(base_model=str(make_family(tmp_path / "b", "smollm2")))).model
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
