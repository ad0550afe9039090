r"""The shapes of private data that no checksum guards: emails, addresses, secrets, links, ids.

Written for the `regex` module, as Presidio compiles them: what stands before `\K` must be there
and is left in place. Numbers are only taken where the words around them say what they are;
"12 High hopes", "room 214" and "order 55 10 38" are no one's address, id or account. A street
without a house number and a bare year are kept: they belong to the story.

Shape: entity -> (kind, list of patterns, is the case of letters free).
"""

_INTRO = r"\s{0,2}(?:(?:is|was|are|were|to|of|reads|read|ended up as)\s|[:=#-])?\s{0,2}"
_NO = r"(?:,?\s(?:number|no\.?|num\.?|nr\.?|code|id|#))"

# Kept apart from a plain capital by the words people write after a house number.
_STREET = (
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Terrace|"
    r"Ter|Way|Close|Crescent|Cres|Square|Sq|Highway|Hwy|Parkway|Pkwy|Row|Gardens|Gdns|Grove|"
    r"Mews|Hill|Walk|Circle|Cir|Trail|Quay|Parade|Rise|Loop|Green)"
)
_CAPITAL = r"\p{Lu}[\p{L}'’-]*"
_UNIT = r"(?:(?:[Aa]pt|[Aa]partment|[Ff]lat|[Uu]nit|[Ss]uite|[Ss]te)\.?\s?#?\w{1,5}|#\s?\w{1,5})"
_UK = r"(?:[A-Z]{1,2}\d[A-Z\d]?\s?\d[ABD-HJLNP-UW-Z]{2})"
_UK_SPACED = _UK.replace(r"\s?", r"\s")
_US = r"(?:[A-Z]{2}\s\d{5}(?:-\d{4})?)"
_CA = r"(?:[A-Z]{2}\s[ABCEGHJ-NPRSTVXY]\d[A-Z]\s?\d[A-Z]\d)"
_PLACE = rf"(?:,\s{_CAPITAL}(?:\s{_CAPITAL}){{0,2}}(?=,?\s(?:{_UK}|{_US}|{_CA})\b))"
_TAIL = rf"(?:,?\s{_UNIT})?{_PLACE}?(?:,?\s(?:{_UK}|{_US}|{_CA})\b)?"
_HOUSE = r"\d{1,5}(?:-\d{1,4})?[A-Za-z]?"
_NO_YEAR = (
    r"(?<!\b(?:in|since|by|until|till|before|after|from|during|of|around|summer|winter|spring|"
    r"autumn|fall|[Ii]n|[Ss]ince|[Bb]y)\s)"
)

ADDRESSES = [
    rf"(?:{_UNIT},?\s)?(?<![\w.,$£€#-])(?:(?:Number|No\.?)\s)?(?:{_NO_YEAR}(?:19|20)\d\d|(?!(?:19|20)\d\d\b){_HOUSE},?)\s"
    rf"(?:[NSEW]\.?\s|North\s|South\s|East\s|West\s)?(?:{_CAPITAL}\.?\s|\d{{1,3}}(?:st|nd|rd|th)\s)"
    rf"(?:{_CAPITAL}\.?\s){{0,4}}?{_STREET}\b\.?(?!\s(?:shops?|stores?|houses|flats|bars|pubs)\b)"
    rf"{_TAIL}",
    rf"(?<![\w.,$£€#-])\d{{1,5}}\sBroadway\b{_TAIL}",
    r"\bR\.?\s?R\.?\s\d{1,3},?\s[Bb]ox\s\d{1,5}",
    r"(?:P\.?\s?O\.?\s[Bb]ox|[Pp]ost\s[Oo]ffice\s[Bb]ox)\s\d{1,6}",
    rf"\b(?:Calle|Avenida|Avda\.?|Plaza|Paseo|Via|Viale|Piazza|Rua|Carrer|ul\.|ulica|al\.|aleja|"
    rf"Rue|rue|Strada)\s(?:(?:de|del|de la|la|da|do|di|des|du)\s)?{_CAPITAL}(?:\s{_CAPITAL})?"
    r",?\s(?:n\.?º\s?)?\d{1,4}[A-Za-z]?(?:/\d{1,4})?\b",
    rf"\b\d{{1,4}}(?:\s?(?:bis|ter))?,?\s(?:rue|avenue|boulevard|place|chemin|impasse)\s"
    rf"(?:(?:de|du|des|de la|de l'|d'|la)\s?)?{_CAPITAL}(?:[\s-]{_CAPITAL}){{0,2}}",
    r"\b\p{Lu}[\p{L}-]*(?:straße|strasse|str\.|gasse|weg|platz|allee|straat|laan|gatan|vägen)"
    r"\s\d{1,4}[a-z]?\b",
    rf"\b{_UK_SPACED}\b",
    rf"\b(?:[Zz]ip|ZIP|[Pp]ost(?:al)?)(?:\s?code)?{_INTRO}\K\d{{5}}(?:-\d{{4}})?\b",
]

_WEAK_SECRET = r"[\"'“]\K[^\"'”\s][^\"'”\n]{1,40}(?=[\"'”])"
# A stop belongs to the sentence, unless the sentence goes on after it.
_END = r"(?:(?<![.,;:!?)\]])|(?<=[!?])(?=\s\p{Ll}))"
_STRONG_SECRET = rf"\K(?=[^\s]*(?:\d|[!@#$%^&*_+=~?]\S))[^\s\"'“”,;]{{4,64}}{_END}"
_PASSWORD = r"\b(?:pass\s?(?:word|code|phrase)|pwd|wi-?fi\s(?:password|key|code))s?"
_AFTER = r"(?:\s(?:for|to|on|of|at)\s(?:\w+['’]?\w*\s){1,4}?)?\s?(?:is|was|[:=])\s?"

SECRETS = [
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{20,}\b|\bgithub_pat_\w{20,}\b|\bglpat-[\w-]{20,}",
    r"\b(?:sk|pk|rk)[-_](?:(?:live|test|proj|ant|or)[-_])?[A-Za-z0-9_-]{16,}",
    r"\bxox[abposr]-[A-Za-z0-9-]{10,}|\bAIza[\w-]{35}|\bhf_[A-Za-z0-9]{20,}|\bya29\.[\w-]{20,}",
    r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",
    r"\b(?:[Aa][Pp][Ii]|[Aa]ccess|[Ss]ecret|[Aa]uth)[ _-]?(?:[Kk]ey|[Tt]oken)(?i:"
    + _AFTER
    + r")\K[A-Za-z0-9_+/=.-]{12,}(?<!\.)",
    rf"(?i:{_PASSWORD}{_AFTER}){_STRONG_SECRET}",
    rf"(?i:{_PASSWORD}{_AFTER}){_WEAK_SECRET}",
    rf"(?i:{_PASSWORD})\s\K(?=\w*[A-Za-z])(?=\w*\d)\w{{5,64}}\b",
    r"(?i:\b(?:password|passcode|passphrase|pwd)\s?[:=]\s?)\K[^\s\"'\[]{4,64}(?<![.,;:!?)])",
    r"(?i:\bPIN(?:\s(?:number|code))?(?:\s(?:for|to|of|on)\s(?:\w+['’]?\w*\s){1,4}?)?\s?"
    r"(?:is|was|[:=])?\s?)\K\d{4,8}\b",
    r"(?i:\b(?:code|combination)\s(?:for|to|of|on)\s(?:\w+['’]?\w*\s){0,3}?(?:safe|door|gate|"
    r"house|building|alarm|garage|lock|locker|padlock|shed|vault)\s(?:is|was)\s)\K"
    r"\d[\d -]{2,10}\d\b[#*]?",
    r"(?i:\b(?:door|gate|alarm|entry|safe|(?:pad)?lock|access|garage|keypad|locker|phone|security)\s"
    r"(?:code|combination)(?:\s(?:for|to|of|on)\s(?:\w+['’]?\w*\s){1,4}?)?\s?(?:is|was|[:=])\s?)\K"
    r"\d[\d -]{2,10}\d\b[#*]?",
    r"(?i:\b(?:CVV|CVC|CVV2|security\scode)\s?(?:is|was|[:=])?\s?)\K\d{3,4}\b",
]

# Any ending will do: a mistyped one, or one of a private network, is an address all the same.
EMAILS = [
    r"(?<![\p{L}\d._%+'’-])[\p{L}\d_%+](?:[\p{L}\d._%+'’-]{0,62}[\p{L}\d_%+-])?"
    r"@(?:[\p{L}\d](?:[\p{L}\d-]{0,61}[\p{L}\d])?\.){1,8}\p{L}{2,24}(?![\p{L}\d@])"
]
LINKS = [
    r"(?i:https?://|ftp://|www\.)[^\s<>\"'“”\[\]]{2,}(?<![.,;:!?)'’])",
    r"(?<![\w@./-])(?:[a-z0-9-]{2,63}\.)+(?:com|org|net|io|info|me|co\.uk|app|dev|blog|de|fr|es|pl)"
    r"/[^\s<>\"'“”\[\]]*(?<![.,;:!?)'’])",
    r"(?<![\w@./-])(?:[a-z0-9-]{2,63}\.)+(?:com|org|net|co\.uk)\b(?![@\w])",
]
HANDLES = [r"(?<![\w.@/])@[A-Za-z][A-Za-z0-9_.]{2,29}(?<![.])(?![@\w])"]

# Words that need "number" beside them, and those that say it all.
_ID_WORD = (
    r"(?i:passport|licen[cs]e|social\ssecurity|social\sinsurance|national\sinsurance|medicare|"
    r"medicaid|tax(?:payer)?(?:\s?(?:id|identification|file|reference))?|visa|green\scard|badge|"
    r"service|inmate|medical\srecord|insurance(?:\s(?:policy|member))?|membership|student|"
    r"employee|patient|member|voter|identity|national|aadhaa?r)"
)
_ID_SIGN = (
    r"(?:SSN|SIN|NINO|NI|NHS|TFN|ITIN|PESEL|NIE|NIF|DNI|CURP|CPF|BSN|NIR|PAN|Aadhaa?r|AADHAAR|"
    r"[Cc]odice [Ff]iscale|[Pp]ersonnummer|(?:[Tt]ax|[Ss]tudent|[Ee]mployee|[Pp]atient|[Mm]ember|"
    r"[Vv]oter|[Nn]ational)\sID)"
)
_ID_VALUE = (
    r"(?=(?:[A-Z0-9 ./-]*\d){4})(?=[A-Z0-9])[A-Z0-9]{2,20}(?:[ ./-]?[A-Z0-9]{1,12}){0,5}"
    r"(?<=\d[A-Z]{0,2})(?![\w-])"
)
_NOT_A_YEAR = r"(?!(?:19|20)\d\d\b)"
IDS = [
    rf"\b(?:{_ID_WORD}|{_ID_SIGN})(?i:{_NO}){{1,2}}(?i:{_INTRO})\K{_NOT_A_YEAR}{_ID_VALUE}",
    rf"\b{_ID_WORD}\b[^\d.!?\n]{{0,20}}\b(?i:number|no\.)(?i:{_INTRO})\K{_NOT_A_YEAR}{_ID_VALUE}",
    rf"\b{_ID_SIGN}(?i:{_INTRO})\K{_NOT_A_YEAR}{_ID_VALUE}",
    rf"\b(?i:passport|licen[cs]e),?(?i:{_INTRO})\K(?=[A-Z0-9]*[A-Z]){_ID_VALUE}",
]
ACCOUNTS = [
    r"\b(?i:account|acct|a/c|routing|sort|BSB|IBAN|transit)"
    rf"(?i:{_NO}){{1,2}}(?i:{_INTRO})\K\d[\d -]{{4,22}}\d\b",
    r"\b(?i:bank|checking|savings)\s(?i:account)(?i:\s(?:is|was|[:=#])\s?|\s)\K\d[\d -]{5,22}\d\b",
]

# entity -> (kind, patterns, case of letters is free)
OWN: dict[str, tuple[str, list[str], bool]] = {
    "OWN_SECRET": ("secret", SECRETS, False),
    "OWN_EMAIL": ("email", EMAILS, True),
    "OWN_LINK": ("url", LINKS, True),
    "OWN_HANDLE": ("handle", HANDLES, True),
    "OWN_ACCOUNT": ("bank", ACCOUNTS, False),
    "OWN_ID": ("id", IDS, False),
    "OWN_ADDRESS": ("address", ADDRESSES, False),
}
