"""What the words of a failed delivery say: nobody there, or only not this time.

Knows phrases of mail systems and providers in several languages. Does not know mails: it is handed one piece of text about
one recipient. Addresses and links are taken out before looking, for they say anything: `mailbox-full@example.com`.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache


class Says(Enum):
    """What a text says of the recipient, strongest meaning first."""

    GONE = "user or host unknown, has moved, accepts no mail"
    PASSING = "something else failed: mailbox full, suspended, blocked, too large"
    UNAVAILABLE = "mailbox unavailable, which a permanent code turns into unknown"
    NOTHING = "none of this"


_WHO = (
    r"(?:user(?: ?name| ?id)?s?|recipients?|mail ?box(?:es)?|accounts?|addressees?|address(?:es)?|alias(?:es)?|"
    r"persons?|local[- ]?part|rcpt|spectator|"
    r"e-?mail(?: (?:address|account)(?:es)?)?|inbox|destination|mail ?id|receivers?|(?:news)?groups?)"
)
_ABSENT = (
    r"(?:unknown|non-?exist\w*|invalid|"
    r"(?:not|n't|cannot|can't|couldn't|wasn't|isn't|doesn't|don't|never) (?:currently |yet |actually )?(?:be )?"
    r"(?:known|found|exist\w*|recogni[sz]ed|present|listed|registered|located?|local|defined|resolved?|matched|"
    r"(?:a |an )?(?:valid|known|registered|existing))|"
    r"not (?:ok|here)\b|no longer (?:exists?|valid|available|in use|used|on server|here|monitored|with us|employed))"
)

# Nobody there, whatever else the text says.
_SURELY_GONE = (
    r"recip(?:ient)?notfound|5\.1\.10\b|null ?mx|5\.4\.1 recipient address rejected: access denied|"
    r"\bcn=\S+ not found|no such (?:user|mailbox|recipient|person)"
)
_USER_GONE = (
    rf"\b{_WHO}\b(?: ?<?@@>?)?[^.;:,]{{0,50}}?[\s(:]{_ABSENT}\b|"
    rf"\b(?:unknown|invalid|no such|non-?exist[ea]nt|bad|illegal|unrecogni[sz]ed|incorrect|undefined|no valid|"
    rf"not a valid|not a known)"
    rf" (?:or (?:unknown|illegal|invalid) )?(?:\w+ ){{0,2}}{_WHO}\b|"
    rf"<?\(?@@\)?>?:? ?(?:is |was )?{_ABSENT}\b|"
    r"no (?:mail ?box|account|user|one|person|recipients?)(?: here)?(?: (?:by|with|of|under) that name|"
    r" at this address| found\b| exists?\b|"
    r" (?:here|available) )|"
    r"badrcptto|recipient has been denied|recipients? rejected by the destination|destination server rejected recipients|"
    r"does(?:n't| not) have an? (?:\S+ )?(?:account|mail ?box)|has no (?:such )?(?:mail ?box|account)|not (?:our|a) customer|"
    r"not listed in (?:\S+ )?(?:public |domino |address |name )*(?:directory|address book|name)|"
    r"no matches to name ?server query|"
    r"does(?:n't| not) exist (?:here|at|on|in)|not a local (?:user|address|mail ?box)|user not local|"
    r"address(?:es)? (?:you (?:entered|sent|tried)|that you)[^.]{0,60}(?:not|n't|unknown|invalid)|"
    r"(?:account|mail ?box|user|address)[^.;:]{0,30}(?:has been|was|is) (?:deleted|removed|cancelled|terminated|closed)\b|"
    r"did not (?:exactly )?match an? |bad[-_]recipient|not (?:an active address|my user)|no user record found|"
    r"recipients? was undeliverable|"
    r"(?:account|mail ?box) (?:is |was )?closed|mail ?box is wrong|answer with no data|missing home directory|"
    r"archived recipient|vdeliver: invalid|unknown virtual user|"
    r"(?:spelling|misspelled|typos?\b)[^.]{0,60}address|check (?:the|"
    r"your) (?:recipient'?s? )?(?:e-?mail )?address for (?:errors|typos)"
)
_HOST_GONE = (
    r"\b(?:host|domain|system|"
    r"server)(?: ?names?)?\b(?: ['\"<(]?(?:[\w-]+\.)+\w+['\">)]?)?[^.;:,]{0,40}?[\s(:](?:unknown|not found|"
    r"non-?exist\w*|"
    r"(?:(?:does|do|did) not|doesn't|didn't|not) exist|invalid|not valid|cannot be found|can't be found|"
    r"could ?n[o']t be found)\b|"
    r"\b(?:unknown|no such|non-?existent|invalid|illegal|bad) (?:mail |destination |recipient )?(?:host|domain|system)\b|"
    r"nxdomain|unrout(?:e)?able|name or service not known|couldn't find any host|no mail hosts? for domain|"
    r"host address lookups failed permanently|mx records? point to non-?existent|"
    r"(?:has no|no|find(?: any)?) (?:valid )?(?:mx|a/mx|mail exchanger)(?: \S+)? ?records?|no route for domain|"
    r"name server: \S+ host not found|domain is not reachable|domain must exist|dns domain '?\S* ?'? ?does not exist"
)
_MOVED = (
    r"(?:user|recipient|mail ?box|address|account|person)[^.;]{0,40} has (?:been )?(?:moved|changed|replaced|migrated)|"
    r"has been replaced by|address (?:was |has been )?changed to|no longer (?:works|employed|working|an? (?:employee|"
    r"member|customer))|"
    r"has left (?:the|our) (?:company|organi[sz]ation)|changed (?:his|her|their) (?:e-?mail )?address"
)
_TAKES_NONE = (
    r"(?:does(?:n't| not)|do not|don't|will not|not|no longer) (?:accept|receive)(?:s|ing)? (?:any |incoming |"
    r"inbound )?(?:e-?)?mails?"
    r"(?: messages?)?(?! from| larger| for| with| containing| if| sent)|"
    r"accepts no (?:e-?)?mail|no smtp service|smtp protocol returned a permanent error|system not accepting network messages|"
    r"mail server does not accept (?:any )?(?:e-?)?mail|does not have a final e-?mail delivery point"
)
_OTHER_TONGUES_GONE = (
    # Chinese, simplified and traditional
    r"(?:用户|收件人|收信人|邮箱|信箱|地址|账号|帐号|账户|帐户|域名|用戶|使用者|收件者|郵箱|郵件地址|帳號|網域|主机|"
    r"主機)[^。；;\n]{0,24}(?:不存在|未找到|不正确|無效|无效|有误|有誤|已注销|已註銷|已删除|已刪除|已更换|已失效)|"
    r"(?:不存在|没有|無此|无此|查无此|查無此|找不到|未找到|沒有)(?:该|此|这个|这|該|這個|對應|对应)?(?:的)?(?:用户|收件人|邮箱|"
    r"信箱|地址|账号|帐号|使用者|收件者|用戶|郵箱|帳號|域名|人)|"
    # Japanese, Korean
    r"(?:宛先|あて先|送信先|アドレス|ユーザ|宛名|ドメイン|受信者)[^。\n]{0,30}(?:見つかりません|みつかりません|存在しません|"
    r"存在しない|不明|見付かりません|ございません)|존재하지 ?않|찾을 수 없|"
    # German, French, Spanish, Portuguese, Italian, Dutch, Polish, Russian
    r"(?:empf(?:ä|ae)nger|benutzer|adresse|postfach|mailbox|domain)[^.;\n]{0,40}(?:unbekannt|existiert nicht|nicht gefunden|"
    r"nicht vorhanden|ungültig)|unbekannter (?:empf(?:ä|ae)nger|benutzer)|"
    r"(?:destinataire|utilisateur|adresse|boîte|compte|domaine)[^.;\n]{0,50}(?:inconnue?|n'existe (?:pas|plus)|"
    r"invalide|introuvable)|"
    r"(?:usuario|destinatario|dirección|buzón|cuenta|dominio|usuário|destinatário|endereço|caixa|"
    r"conta)[^.;\n]{0,50}(?:desconocid[oa]|desconhecid[oa]|no existe|não existe|inexistente|inválid[oa]|"
    r"no (?:se )?encontr|não (?:foi )?encontrad)|no existe (?:dicha|ese|el|la|este)|"
    r"(?:utente|destinatario|casella|indirizzo|dominio)[^.;\n]{0,50}(?:sconosciut[oa]|inesistente|non esiste|"
    r"non (?:è )?(?:valid|trovat)|non trovat)|"
    r"(?:gebruiker|ontvanger|adres)[^.;\n]{0,40}(?:onbekend|bestaat niet|niet gevonden)|(?:użytkownik|odbiorca|adres|"
    r"konto)[^.;\n]{0,40}(?:nie istnieje|nieznan)|"
    r"(?:пользователь|адрес|получател\w+|ящик|домен)[^.;\n]{0,60}(?:не существует|не найден|неизвест)|"
    r"нет такого (?:пользователя|адреса)|несуществующ"
)

# Whoever is meant is there: these win over words of absence.
_SURELY_PASSING = (
    # full
    r"(?:mail ?box|inbox|account|storage|disk|folder|maildir|user|recipient)(?:'s|s)?[^.;:]{0,50}(?:\bfull\b|"
    r"over ?-?quota|over (?:its |the |disk )?(?:quota|limit|size)|"
    r"exceed\w*|insufficient|out of (?:disk|space|storage)|has reached)|\bquota\b|mail ?box full|mail ?folder is full|"
    r"too much mail data|"
    r"(?:not enough|insufficient) (?:system |disk |free )?(?:storage|space|disk|resources)|no space left|disk full|"
    r"too many messages (?:in|on)|"
    r"exceeded (?:storage|the (?:local|storage|maximum) )|\b(?:x\.|[45]\.)2\.2\b|"
    # suspended
    r"suspend|disabled|deactivat|\binactiv|not (?:been )?activ(?:e|ated)\b|no longer active|\block(?:ed|out)\b|frozen|"
    r"dormant|"
    r"account (?:has )?expired|unpaid|over ?due|discontinued|"
    # about whoever sent, not whom it is for
    r"sender(?:'s)? (?:address|domain|verif|reject|denied|unknown|not |is |refused|policy|does|mx\b|host|ip)|"
    r"(?:unknown|invalid|bad|envelope|of|your|from) sender|originator (?:address|not)|return(?:ing)? (?:address|"
    r"path) |reverse[- ]path|"
    r"mail from:? ?<?(?:@@)?>?[ .:]*(?:sender|refused|rejected|domain|command|must|is )|envelope[- ]from|"
    r"from:? (?:address|domain|field|header)|"
    r"\bhelo\b|\behlo\b|your (?:ip|host ?name|domain|server|reverse)|client host|reverse dns|\bptr\b|ip name lookup|"
    # too large
    r"(?:message|mail|file|attachment)(?: \w+)? (?:size )?(?:is )?(?:too (?:large|big|long)|exceed|larger)|"
    r"size (?:limit|exceed)|maximum (?:message )?size|size exceeds|"
    # the name service did not answer
    r"(?:host|name|dns|domain|lookup)[^.]{0,80}try again|lookup fail|name server (?:timeout|fail)|servfail|\btemporar|"
    # full or suspended, in other tongues
    r"(?:邮箱|信箱|空间|容量|郵箱|空間|メールボックス|mailbox|收件箱)[^。；;\n]{0,20}(?:已满|不足|已滿|超出|超过|超過|一杯|"
    r"いっぱい|满了|滿了|溢れ|上限)|超出(?:了)?(?:容量|限额|配额)|容量(?:を超|オーバー)|"
    r"(?:被|已)?(?:冻结|停用|禁用|锁定|暂停|欠费|封停|凍結|停權|鎖定|封禁)|未激活|利用停止|"
    r"(?:postfach|mailbox|speicher)[^.;\n]{0,40}(?:voll|überschritten|deaktiviert|gesperrt)|(?:boîte|quota|"
    r"compte)[^.;\n]{0,50}(?:pleine?|dépass|désactivé|suspendu)|"
    r"(?:buzón|cuota|cuenta|caixa|cota|conta)[^.;\n]{0,50}(?:llen[oa]|excedid|superad|deshabilitad|cheia|lotad|"
    r"desativad|suspens)|casella[^.;\n]{0,40}(?:pien[ao]|disabilitat)|"
    r"(?:ящик|квота)[^.;\n]{0,50}(?:переполн|превыш|заблокир)"
)
# These win over words of absence only where the status is not about the address.
_POLICY = (
    r"\bspam|\bspf\b|\bdkim\b|\bdmarc\b|virus|malware|phish|black ?-?list|block ?-?list|\bdnsbl|\brbl\b|reputation|"
    r"\bpolic(?:y|ies)\b|"
    r"\bblock(?:ed|ing)?\b|banned|prohibit|not (?:allowed|permitted|authori[sz]ed)|unauthori[sz]ed|unsolicited|"
    r"authenticat|access denied|permission|restrict|"
    r"relay(?:ing)?(?: access)? (?:denied|not|is not|prohibited)|(?:unable|permitted|allow(?:ed)?|refus\w+) to relay|"
    r"rcpthosts|gr[ea]y ?-?list|"
    r"垃圾|拒收|拒绝|拒絕|黑名单|黑名單|频率|頻率|过大|過大|限制|迷惑|拒否|大きすぎ|サイズ"
)
_TROUBLE = (
    r"\brate\b|\brates\b|rate[- ]limit|frequen|too (?:many|quickly|fast)|\bcontent\b(?!-)|\bfilter|attachment|\bsize\b|"
    r"\blarge\b|\blimit|"
    r"connect(?:ion)? (?:refused|timed|to|was|failed|reset)|time[d ]?-?out|unreachable|no route to|network|\bloop|"
    r"\bhops\b|expired|deferred|delayed|\bbusy\b|"
    r"i/o error|system error|local error|command (?:died|rejected|failed)|超时|逾時|连接|連線"
)
_UNAVAILABLE = (
    r"(?:mail ?box|account|recipient|user|address)(?: ?<?@@>?)?(?: is)?(?: currently)? (?:un|not )available|"
    r"action not taken: mail ?box"
)


def _any(*families: str) -> re.Pattern[str]:
    return re.compile("|".join(families))


GONE = _any(_SURELY_GONE, _USER_GONE, _HOST_GONE, _MOVED, _TAKES_NONE, _OTHER_TONGUES_GONE)
SURELY_GONE = _any(_SURELY_GONE)
SURELY_PASSING = _any(_SURELY_PASSING)
POLICY = _any(_POLICY)
TROUBLE = _any(_TROUBLE)
UNAVAILABLE = _any(_UNAVAILABLE)

# Bounded, so that a megabyte of letters costs no more than it must.
ADDRESS = re.compile(r"(?:[\w.!#$%&'*+/=?^`{|}~-]{1,128}|\"[^\"\n]{1,128}\")@(?:[\w-]{1,63}\.){0,10}[\w-]{1,63}")
_LINK = re.compile(r"https?://\S+|www\.\S+")
_NEXT_REPLY_LINE = re.compile(r"\n[ \t<>]*[245]\d\d[- ](?:#?[245]\.\d{1,3}\.\d{1,3} )?")
_SPACE = re.compile(r"\s+")


def plain(text: str) -> str:
    """The text in small letters on one line, its addresses replaced by `@@`, its links left out."""
    text = _NEXT_REPLY_LINE.sub(" ", text)
    text = ADDRESS.sub("@@", _LINK.sub(" ", text)).replace("’", "'").replace("‘", "'")
    return _SPACE.sub(" ", text).casefold()


@lru_cache(maxsize=64)  # one text may stand for many recipients
def says(text: str, *, about_address: bool, general: bool = False) -> Says:
    """What one text says. `about_address`: the status that came with it is about the address (X.1.X). `general`: it is
    written for everybody, full of advice, so that it counts for less and for nothing where it says both.
    """
    text = plain(text)
    gone = GONE.search(text) is not None
    passing = SURELY_PASSING.search(text) is not None
    if passing:
        return Says.NOTHING if gone and general else Says.PASSING
    if gone and (about_address or SURELY_GONE.search(text)):
        return Says.GONE
    if POLICY.search(text):
        return Says.NOTHING if gone and general else Says.PASSING
    if gone:
        return Says.GONE
    if not general and TROUBLE.search(text):
        return Says.PASSING
    return Says.UNAVAILABLE if UNAVAILABLE.search(text) else Says.NOTHING
