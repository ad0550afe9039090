"""Pictures are drawn of real figures, account for every answer, and show no text."""

import pytest
from matplotlib.figure import Figure

from echoes_lib.params import PreprocessParams
from echoes_lib.reflections import charts, dataset
from echoes_lib.reflections.charts.alluvial import Bar, Ribbon, draw_alluvial
from echoes_lib.reflections.filters import RULES, Drop, Figures, filter_answers
from tests.reflections.people import reflections

PARAMS = PreprocessParams(target_examples=90)
ANSWERS = reflections(range(1, 61))
FIGURES = [
    Figures(
        n_words=30 if i == 7 else 90 + i,
        words_per_minute=None if i % 9 == 0 else 30.0,
        coherence=0.1 if i == 20 else 0.4,
        prose_ratio=0.6,
        similarity=0.0,
        flow=0.6,
        tone=-0.5 if i == 33 else 0.01 * (i % 5),
        tone_distance=11.0 if i == 33 else 1.0,
        languages={"en": 1.0},
    )
    for i in range(1, 61)
]


@pytest.fixture(scope="module")
def made():
    kept, drops = filter_answers(ANSWERS, FIGURES, PARAMS)
    splits = dataset.split_kept(kept, drops, PARAMS)
    examples = dataset.make_examples(splits, "Ada", PARAMS, lambda talk: 10)
    return drops, splits, examples


def words_of(figure: Figure) -> str:
    figure.canvas.draw()
    return "\n".join(text.get_text() for text in figure.findobj(lambda x: hasattr(x, "get_text")))


def all_pictures(made):
    drops, splits, examples = made
    return {
        "filters": charts.plot_filters(ANSWERS, FIGURES, drops, PARAMS),
        "lengths": charts.plot_lengths(FIGURES, PARAMS),
        "tone": charts.plot_tone(ANSWERS, FIGURES, drops),
        "splits": charts.plot_splits(splits),
        "flow": charts.plot_flow(drops, splits, examples.files),
        "drops": charts.plot_drops(drops),
    }


def test_no_picture_shows_a_word_of_an_answer_or_question(made):
    for name, figure in all_pictures(made).items():
        shown = words_of(figure)
        assert shown.strip() and "thing" not in shown, name


def test_every_filter_has_a_panel_with_its_threshold_and_names_what_it_dropped(made):
    figure = all_pictures(made)["filters"]
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title.split(" = ")[0] for title in titles] == [rule.parameter for rule in RULES]
    assert "1 too short" in titles[0] and "6 unknown" in titles[1]
    named = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert named == {"7", "20", "33"}


def test_the_flow_loses_no_answer_and_no_example(made):
    _, splits, examples = made
    shown = words_of(all_pictures(made)["flow"])
    for text in ("answers  60", "kept  57", "too short  1", "out of tone  1", "off topic  1"):
        assert text in shown
    for name, file in (("stage 1", "stage1"), ("test", "test")):
        assert f"{name}  {len(getattr(splits, file))}" in shown
    originals = sum(e.kind == "original" for e in examples.training)
    assert f"original  {originals}" in shown


def test_ribbons_fill_the_bars_they_leave_and_reach():
    axes = Figure().subplots()
    columns = [[Bar("a", 4, "k")], [Bar("b", 1, "r"), Bar("c", 3, "b"), Bar("none", 0, "b")]]
    draw_alluvial(axes, columns, [Ribbon("a", "b", 1, 1), Ribbon("a", "c", 3, 3)])
    bars, ribbons = axes.patches[:3], axes.patches[3:]
    assert len(ribbons) == 2 and len(axes.texts) == 3
    ends = [ribbon.get_path().get_extents() for ribbon in ribbons]
    assert max(e.y1 for e in ends) == pytest.approx(bars[0].get_y() + bars[0].get_height())
    assert ribbons[0].get_path().vertices[4][1] == pytest.approx(bars[1].get_y())


def test_drops_are_listed_by_id_and_none_is_said_so():
    drops = [Drop(i, "too_short", 3, 50) for i in range(1, 18)] + [Drop(99, "duplicate", 0.9, 0.6)]
    shown = words_of(charts.plot_drops(drops))
    assert "17:  1, 2, 3" in shown and "and 3 more" in shown and "1:  99" in shown
    assert "nothing was dropped" in words_of(charts.plot_drops([]))
