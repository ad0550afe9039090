import pytest

from echoes_lib.chat.disclosure import asks_if_ai, notice

SINCERE = [
    "Are you a person or an AI?",
    "Are you an AI?",
    "are you ai",
    "Are you human?",
    "Are you a real person?",
    "Am I talking to a real person?",
    "am i speaking with a bot right now?",
    "Is this a bot?",
    "Are you a robot?",
    "Wait, are you even real?",
    "Are you really Luke?",
    "Is this really Luke?",
    "Am I really talking to Luke?",
    "Am I talking to the real Luke?",
    "Are you ChatGPT?",
    "Are you actually a human being?",
    "So you're an AI, right?",
    "you're a chatbot, aren't you?",
    "Be honest: are you a machine?",
    "Tell me honestly, are you a computer program?",
    "is it a person behind this?",
    "Is there a real person behind this?",
    "Is there a human on the other end?",
    "Human or AI?",
    "Are you a language model?",
    "are u a bot?",
    "Do you know that you are an AI?",
    "Are you an actual person, Luke?",
    "Is that you, Luke, or a machine?",
    "Are you some kind of AI?",
    "Are you just a computer?",
    "Am I chatting with an AI?",
    "Who am I talking to, a person or a program?",
    "I want to know if you are a real human.",
    "Are you alive?",
    "What are you, a robot?",
    "Are you sentient or a bot?",
]
OTHER = [
    "What do you think about AI?",
    "Are you a person who likes mornings?",
    "Are you a people person?",
    "Are you a real estate agent?",
    "Would you rather be a robot?",
    "What makes us human?",
    "Pretend you are a robot.",
    "Do you know real people who changed you?",
    "Are you afraid of machines taking your job?",
    "Did you ever build a robot?",
    "Are you really happy?",
    "Are you human enough to forgive him?",
    "Is this the man you told me about?",
    "Was he a real person?",
    "Tell me about a person you miss.",
    "What small thing makes you happy?",
    "Are you still talking to your brother?",
    "Who is the person you call at three in the morning?",
    "Is it real gold?",
    "Are you a morning person?",
    "If you were a machine, which one would you be?",
    "What did your father teach you about being a man?",
    "Is that a machine you built?",
    "Are you the man of the house?",
    "Are you really sure?",
    "Are you talking to someone new?",
    "Would you rather be a person or a robot?",
    "",
]


@pytest.mark.parametrize("text", SINCERE)
def test_a_sincere_question_is_heard(text):
    assert asks_if_ai(text, "Luke")


@pytest.mark.parametrize("text", OTHER)
def test_other_talk_is_left_to_the_echo(text):
    assert not asks_if_ai(text, "Luke")


def test_works_without_a_name():
    assert asks_if_ai("Are you an AI?")
    assert not asks_if_ai("Is this really good?")


def test_the_notice_names_the_person_and_the_machine():
    said = notice("Luke")
    assert "AI echo of Luke" in said
    assert "I am not Luke" in said
