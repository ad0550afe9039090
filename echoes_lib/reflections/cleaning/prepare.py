"""Clean a person's answers and guard what is private in them, in that order.

Shape: Person, PrivacyPolicy -> Protected(answers, findings).
"""

from echoes_lib.params import PrivacyPolicy
from echoes_lib.reflections.cleaning.keys import privacy_key
from echoes_lib.reflections.cleaning.protect import Protected, protect
from echoes_lib.reflections.cleaning.text import clean_answers
from echoes_lib.reflections.sources.store import Person


def prepare(person: Person, policy: PrivacyPolicy) -> Protected:
    """Make a person's answers fit to be looked at by filters and learnt from.

    Args:
        person: as read from the store. Their own name is no secret: the echo bears it.
        policy: what becomes of each kind of private data.

    Returns:
        New answers in the same order, and what was found in them.

    Raises:
        DataError: the key of pseudonyms is damaged, or there are too few pseudonyms.
        OSError: that key cannot be read or made.
    """
    wants_key = "pseudonymise" in policy.model_dump().values()
    key = privacy_key(person.user_id) if wants_key else b""
    return protect(clean_answers(person.reflections), policy, key, person.name.split())
