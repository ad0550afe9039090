"""What people talk about when they look at their lives: the themes that can be asked about.

Every theme is a noun phrase that its questions are built around, with a gloss
for the sentence encoder, which says which theme a group of passages is nearest to. A phrase
never names who or what the person has (no "your wife", no "your farm"): that would be a guess.
Made for English.

Shape: THEMES, a table of Noun(phrase, kind, gloss); a noun, a number -> a question.
"""

from dataclasses import dataclass

FRAMES = {
    # Something one goes through or does, and learns from.
    "living": (
        "What has {x} taught you?",
        "What have you learned from {x}?",
        "Looking back, what would you say about {x}?",
        "How has {x} shaped you?",
        "What does {x} mean to you?",
    ),
    # Somebody, or a circle of people; the phrase may be in the plural.
    "people": (
        "What comes to mind when you think of {x}?",
        "What do you carry with you from {x}?",
        "What did you get from {x}?",
        "What would you want people to know about {x}?",
    ),
    # Something with a place in a life; the phrase may be in the plural.
    "thing": (
        "What comes to mind when you think of {x}?",
        "What would you say about {x}?",
        "When you think of {x}, what do you see?",
        "What would you tell somebody about {x}?",
    ),
    # Something one holds to, or struggles with.
    "value": (
        "What do you believe about {x}?",
        "What has life taught you about {x}?",
        "What does {x} mean to you?",
        "How have you come to think about {x}?",
        "Where have you met {x} in your life?",
    ),
}


@dataclass(frozen=True)
class Noun:
    """A theme: the phrase for questions, the frames that fit it, and what belongs to it."""

    phrase: str
    kind: str
    gloss: str


_TABLE = """
living | losing people | someone died, a funeral, grief, missing a person who is gone
living | growing old | getting old, the body slowing down, an ageing face in the mirror
living | illness | being ill, a hospital, doctors, pain, recovering from an injury
living | marriage | being married, a husband or wife, a wedding, living together for years
living | falling in love | meeting somebody, courting, a first kiss, being in love
living | heartbreak | a love that ended, divorce, being left, a broken heart
living | having children around | a daughter, a son, children, raising and teaching them
living | growing up | being a child, a small boy or girl, childhood games and trouble
living | going to school | school, a teacher, a classroom, lessons, reading as a pupil
living | learning a trade | an apprentice, a master who teaches the work, first tools
living | your working life | a job, colleagues, the shift, years at work, employers
living | working with your hands | repairing, building, tools, a bench, wood and metal
living | a working day | waking early, starting work, the routine of a day's work
living | making mistakes | getting it wrong, an error at work, being ashamed of a mistake
living | failing | a business that failed, being dismissed, giving up, quitting
living | looking after people | caring for the sick or the old, nursing, feeding someone
living | teaching other people | showing the young ones how it is done, pupils, apprentices
living | leaving home | emigrating, moving away, a suitcase, a new country
living | travelling | a journey, a train, a road, a foreign place
living | being in danger | an accident, a fall, a storm, nearly dying
living | quarrelling | an argument, a quarrel, shouting, not speaking to each other
living | forgiving people | forgiving, an apology, letting a grudge go
living | being poor | having no money, debts, hunger, counting coins, bills unpaid
living | earning money | wages, the first money earned, prices, what things cost
living | giving things away | a gift, giving something away, generosity, a present
living | being alone | solitude, an empty house, living alone, walking alone
living | living with other people | sharing a home, a kitchen, habits of those one lives with
living | making music | a song, an instrument, singing, playing in a band, a choir
living | cooking | a recipe, a pan, a stove, making a meal, baking
living | keeping animals | a dog, a cat, cows, horses, an animal one has loved
living | growing things | a garden, vegetables, seeds, soil, trees, a harvest
living | reading | a book, a novel, a library, a film seen again
living | changing your mind | having believed otherwise, being persuaded, changing one's view
living | starting over | an ending that became a beginning, a turning point, a new life
living | saying hard things | telling the truth to someone, words that would not come out
living | remembering the dead | a grave, a photograph, things kept from somebody who is gone
living | handling machines | engines, motors, machinery, a fault in a machine
people | your mother | my mother, mum, what my mother said and did
people | your father | my father, dad, what my father said and did
people | your grandparents | my grandmother, my grandfather
people | the family you come from | brothers, sisters, cousins, aunts, uncles, a family story
people | your friends | a friend, an old friendship, friends laughing together
people | the people you work with | a colleague, a partner at work, a boss, a crew
people | your neighbours | the neighbours, the people of the street or village
people | the strangers you have met | a stranger who was kind, someone met once and never again
thing | home | the house, the rooms, coming home, where one belongs
thing | the place you live | the town, streets, a harbour, what a visitor would see
thing | the kitchen table | a family meal, eating together, supper, bread and soup
thing | the weather | snow, rain, winter, cold, wind, heat, summer
thing | water | a lake, the sea, a river, boats, swimming, fishing
thing | the night | lying awake at night, darkness, worries at three in the morning
thing | Sunday | a free day, rest, an afternoon with nothing to do, a walk
thing | the things you keep | an old object in a drawer, a keepsake, a box, a coat
thing | the sound of things | a noise, a bell, listening, a voice, silence
thing | laughter | a joke, laughing until it hurts, a funny story
thing | religion | church, God, prayer, mass, a temple, what happens after death
value | fear | being afraid, fright, what one is frightened of
value | courage | doing it although one is frightened, being brave, a risk
value | anger | being angry, temper, rage, slamming a door
value | trust | trusting somebody, a promise, whether a person can be relied on
value | kindness | small kindnesses, help given without being asked
value | honesty | telling the truth, a lie, admitting something
value | patience | waiting, slowness, going step by step, not hurrying
value | doing a job well | checking twice, care, a finished piece of work, pride in the work
value | love | loving somebody, showing love in small things, tenderness
value | happiness | being happy, a small joy, a moment when all was well
value | regret | what one wishes one had done, too late, remorse
value | hope | the years to come, wishes for the future, looking forward
value | having enough | enough money, wanting little, being content, thrift
value | being remembered | what one leaves behind, what people will say after one is gone
value | luck | chance, fate, something meant to be, a coincidence
value | pride | being proud, recognition, an achievement seldom mentioned
""".strip()

NOUNS = tuple(
    Noun(phrase, kind, gloss)
    for kind, phrase, gloss in (line.split(" | ") for line in _TABLE.splitlines())
)


def theme_questions(noun: Noun) -> tuple[str, ...]:
    """Return the questions that can be asked about a theme, at least four.

    >>> theme_questions(NOUNS[0])[0]
    'What has losing people taught you?'
    """
    return tuple(frame.format(x=noun.phrase) for frame in FRAMES[noun.kind])
