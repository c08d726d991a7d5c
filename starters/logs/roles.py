"""What columns are for, guessed from their names: the words of ticket systems, in English and some other languages."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from starters.logs.lengths import Unit


class Role(StrEnum):
    """What a column is for."""

    CASE = "case"
    OPENED = "opened"
    OCCURRED = "occurred"
    ACTIVITY = "activity"
    STATE = "state"
    ORDER = "order"
    BY = "by"
    ANSWERED = "answered"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"
    DUE = "due"
    CHANGED = "changed"
    WAIT_BEGINS = "wait begins"
    WAIT_ENDS = "wait ends"
    KNOWN = "known at the opening"


_WAITING = r"wait|pending|on.?hold|hold|paus|suspend|wartet|attente|espera"
_WORDS: dict[Role, str] = {
    Role.WAIT_BEGINS: rf"(({_WAITING}).*(since|from|start|begin|seit|von|debut|inicio|de$))"
    r"|(^(paused|pending|waiting|suspended|held)_at)",
    Role.WAIT_ENDS: rf"(({_WAITING}).*(until|to$|till|end|bis|fin|resum))|(^resumed)",
    Role.DUE: r"due|deadline|sla|target|faellig|fallig|echeance|vencimiento|plazo|breach|limit",
    Role.REOPENED: r"re.?open|wieder.?(er)?.?offn|rouv|reabier",
    Role.ANSWERED: r"first.?(reply|respon|answer|contact)|respon(se|ded)|acknowledg|initially.?assigned|answered|"
    r"replied|taken|pick(ed)?.?up|work.?(start|began)|erste.?(antwort|reaktion|ruck)|reaktion|prise.?en.?(compte|charge)|"
    r"primera.?respuesta|primeira.?resposta",
    Role.RESOLVED: r"resol|solved|fixed|\bdone\b|complet|fulfil|gelost|losung|erledigt|behoben|resuelt|solution",
    Role.CLOSED: r"clos|ended|geschlossen|abgeschlossen|beendet|clotur|ferme|cerrad|fechad",
    Role.CHANGED: r"updat|modif|chang|last|geandert|aktualisiert|derniere|maj$",
    Role.OPENED: r"creat|open|submit|report|raised|logged|received|registered|start|erstellt|angelegt|eroffnet|"
    r"geoffnet|gemeldet|eingang|ouver|creation|abier|creado|apertur|aberto|abertura",
    Role.OCCURRED: r"time.?stamp|^time|time$|date.?time|^date|date$|occurred|event.?(time|date)|zeit|datum|heure|hora|"
    r"fecha|_at$|when",
}
"""The words for columns of times, in the order in which they are tried."""

_OTHERS: dict[Role, str] = {
    Role.CASE: r"^(case|ticket|incident|issue|request|bug|sr|vorgang|fall|dossier|case:concept:name)$|"
    r"\b(id|key|number|no|nr|num|nummer|numero)$|_(id|key|number|no|nr)$|^(ref|reference|referenz|folio|protocolo)$|"
    r"(ticket|case|incident|issue|request|vorgangs?|fall|auftrags?|meldungs?|storungs?)(id|number|no|nummer|nr|key)$",
    Role.ACTIVITY: r"activity|event|action|task|concept:name|aktivitat|activite|operation",
    Role.STATE: r"stat(e|us|ut)|(field|new).?value|zustand|etat|estado|stage|phase|schritt",
    Role.ORDER: r"mod.?count|seq|version|revision|^order$|position|lfd",
    Role.BY: r"(updated|changed|modified|edited|entered|done|performed).?by|resource|^user|agent$|^by$|"
    r"bearbeiter|author|actor|operator",
}
_KNOWN = (
    r"(priority|severity|urgency|impact|category|sub.?category|type|ticket.?type|channel|source|group|team|department|"
    r"queue|product|organi[sz]ation|account|customer|company|assignment.?group|assigned.?group|help.?topic|topic|"
    r"tier|brand|service|prioritat|dringlichkeit|kategorie|typ|kanal|abteilung|kunde|gruppe|priorite|urgence|"
    r"categorie|entite|prioridad|categoria|issue.?type|contact.?type|location|via)"
)
_LENGTHS = (
    r"\b(min|minutes|hours|seconds|duration|elapsed|spent|effort|age|dauer|duree|aufwand|minuten|stunden)\b|"
    r"\b(days|tage|mins|hrs|secs|sec|std)\b|\((h+:mm.*|h|s|d)\)"
)
_UNITS: dict[Unit, str] = {
    "minutes": r"\b(min|mins|minutes|minuten)\b",
    "hours": r"\b(hours|hrs|stunden|std|heures|horas)\b|\(h\)",
    "seconds": r"\b(sec|secs|seconds|sekunden)\b|\(s\)",
    "days": r"\b(days|tage|jours|dias)\b|\(d\)",
}
_OLD = re.compile(r"\b(old|previous|prev|former|before|from|alt|alte|alter|vorher|vorherig\w*|ancien|anterior)\b")
_AGAIN = re.compile(r"\b(again|second|2nd|erneut|wieder|nochmals)\b")
_IDS = re.compile(r"\b(id|number|no|nr|num|nummer|numero)$")
_CASES = r"case|ticket|incident|issue|request|number|vorgang|dossier"
_CLOSES = r"clos(e|ed)|geschlossen|abgeschlossen|schliessen|cerrad[oa]|ferme|clos|fechad[oa]|clotur"
_ENDS = r"done|resolve|resolved|solved|complete|completed|cancel+ed|gelost|erledigt|resolu|resuelto"
_OPENS = r"new|open|opened|neu|offen|nouveau|nuevo|novo|to do|submitted|registered"
_NO_CASE = re.compile(
    r"\b(parent|user|customer|requester|assignee|agent|org|account|group|contact|location|caller|closed)|\bby\b"
)


def plain(name: str) -> str:
    """A name in lower case, without accents, its parts divided by blanks."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    bare = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9:()]+", " ", bare.lower()).strip()


def role_of_time(name: str) -> Role | None:
    """What a column of times is for, by its name; None if the name does not say."""
    words = plain(name)
    return next((role for role, pattern in _WORDS.items() if _found(pattern, words)), None)


def is_for(role: Role, name: str) -> bool:
    """Whether a column may be for something, by its name."""
    words = plain(name)
    if role is Role.KNOWN:
        return any(re.fullmatch(_KNOWN, part) for part in (words.removeprefix("case:"), words.rpartition(" ")[2]))
    if role is Role.CASE and _NO_CASE.search(words):
        return False
    if role in (Role.STATE, Role.ACTIVITY) and _OLD.search(words):
        return False
    return _found(_OTHERS[role], words)


def names_a_case(name: str) -> bool:
    """Whether a column of ids is named after cases, and not only an id."""
    return re.search(_CASES, plain(name)) is not None


def names_an_id(name: str) -> bool:
    """Whether a column of numbers holds ids, of cases or of anything else, and no times."""
    return _IDS.search(plain(name)) is not None or (is_for(Role.CASE, name) and role_of_time(name) is None)


def is_an_old_state(name: str) -> bool:
    """Whether a column holds the state from which a case went, by its name."""
    words = plain(name)
    return _OLD.search(words) is not None and _found(_OTHERS[Role.STATE], words)


def comes_again(name: str) -> bool:
    """Whether a column says when something happened another time, by its name."""
    return _AGAIN.search(plain(name)) is not None


def is_a_length(name: str) -> bool:
    """Whether a column holds how long something took, by its name."""
    return re.search(_LENGTHS, plain(name)) is not None


def unit_of(name: str) -> Unit | None:
    """The unit in which a column of lengths counts, by its name."""
    words = plain(name)
    return next((unit for unit, pattern in _UNITS.items() if re.search(pattern, words)), None)


def counts_open_time(name: str) -> bool:
    """Whether a column of lengths was counted in some office's hours, by its name."""
    return re.search(r"\b(business|office|working|work|geschaft\w*|betriebs\w*)\b", plain(name)) is not None


def closes(value: str) -> bool:
    """Whether a state or an activity is named as what closes a case."""
    words = plain(value)
    return re.match(rf"({_CLOSES})\b", words) is not None or re.search(rf"\b({_CLOSES})$", words) is not None


def ends(value: str) -> bool:
    """Whether a state or an activity is named as the end of the work."""
    return re.match(rf"({_ENDS})\b", plain(value)) is not None


def opens(value: str) -> bool:
    """Whether a state is named as the one in which a case is opened."""
    return re.fullmatch(_OPENS, plain(value)) is not None


def _found(pattern: str, words: str) -> bool:
    return re.search(pattern, words) is not None or re.search(pattern, words.replace(" ", "_")) is not None


def field_name(name: str, taken: set[str]) -> str:
    """A name for a field of the case that criteria can spell, and that is not taken yet."""
    made = re.sub(r"[^a-z0-9]+", "_", plain(name.removeprefix("case:"))).strip("_") or "field"
    made = f"field_{made}" if made[0].isdigit() or made in ("true", "false", "null", "in", "id", "opened_at") else made
    number = 2
    base = made
    while made in taken:
        made, number = f"{base}_{number}", number + 1
    taken.add(made)
    return made
