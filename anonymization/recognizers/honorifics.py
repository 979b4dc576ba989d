"""Names that an honorific announces; cheap, and only a part of all names, so an entity of its own and not PERSON."""

from __future__ import annotations

from typing import ClassVar

import regex

from anonymization.recognizers.identifier import IdentifierRecognizer

KANJI, HIRAGANA, KATAKANA = "[一-龥々ヶ]", "[ぁ-ん]", "[ァ-ヴー]"
SUFFIX = "様|さま|さん|サン|ちゃん|くん|氏|君|殿"
# 様子, 氏名, 君臨, 殿下 are words of their own.
HONORIFIC = "(?:様(?![子式相態変々])|さま|さん|サン|ちゃん|くん|氏(?![名神族家姓])|君(?![一-龥])|殿(?![一-龥]))"
TITLE = r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|MR|MRS|MS|DR|PROF)\.?\s?"
LATIN_NAME = r"[A-Z][A-Za-z'’-]{1,20}"

# Words that are no name when nothing is before them, and the ends of words for people, callings, shops and thanks.
WHOLE_WORDS = (
    "皆|神|王|奥|母|父|姉|兄|娘|嫁|婿|孫|爺|婆|叔父|伯父|叔母|伯母|貴|何|殿|諸|若|多|異|一|有|両|某|源|平|主|姫|暴|名|御|宮|湯|子|"
    "双子|左|赤|坊|嬢|上|下|外|内|俺|旦那|女将|仏|日|月|星|猫|犬|隣|毒|陰|遠|世話|苦労|馳走|愁傷|大工|巫女|彼|元彼|息子|女王|王子|王女|"
    "かみ|おう|おく|むすめ|むすこ|だんな|おかみ|ねこ|うさぎ|くま|ぞう|あか|ぼう|どな|あり|ひと"
)
WORD_ENDS = (
    "者|客|員|店|社|局|先|係|同|仕|模|種多|皆々|各位|運営|先生|教授|"
    "[選歌助]手|運転手|相手|(?:店|飼い|持ち|落とし|家|地|売|買)主|[学徒]生|[作農]家|漫画家|専門家|[社店部課係会所院団校園組駅]長|[医講教牧]師|看護師|薬剤師|美容師|"
    "[職住知友本主個法商新名達素老大成他恋犯国]人|日本人|管理人|芸能人|お巡り|業者|警官|警察官|"
    "[本魚肉花米酒床]屋|八百屋|電気屋|不動産屋|"
    "みな|みんな|きゃく|かあ|とう|ねえ|にい|じい|ばあ|おじ|おば|たく|まわり|おじょう|おかげ|つかれ|くろう|ちそう|たがい|せわ|"
    "メーカー|ショップ|ストア|ユーザー|スタッフ|ドライバー|バイヤー|セラー|オーナー|センター|ママ|パパ|モデル|ファン|アイドル|ワン|"
    "martens|pepper|children|bean|donut|marvel|amazon|yahoo|ebay|google"
)
NO_NAME = regex.compile(f"(?:^お?ご?(?:{WHOLE_WORDS})|{WORD_ENDS})$", regex.IGNORECASE)
SUFFIX_AT_END = regex.compile(rf"\s?(?:{SUFFIX})$")


class HonorificNameRecognizer(IdentifierRecognizer):
    """Names before 様, さん, 氏, 君 or 殿 and after Mr, Ms or Dr, unless they are words as お客様 and Dr. Martens are.

    Capitals tell a name in Latin letters from a word, so this recogniser alone heeds them.
    """

    ENTITY = "HONORIFIC_NAME"
    FLAGS = regex.DOTALL | regex.MULTILINE | regex.ASCII
    PATTERNS: ClassVar = {
        "kanji": rf"{KANJI}{{1,4}}(?:[ ・]?{KANJI}{{1,4}})?\s?{HONORIFIC}",
        "hiragana": rf"(?<![ぁ-ん一-龥ァ-ヴー])(?:{HIRAGANA}{{2,6}} ?)?{HIRAGANA}{{2,6}}(?:さん|さま|様|ちゃん|くん)",
        "katakana": rf"{KATAKANA}{{2,12}}(?:[ ・=]{KATAKANA}{{2,12}})?\s?{HONORIFIC}",
        "latin": rf"(?<![0-9A-Za-z])[A-Za-z][0-9A-Za-z_.-]{{1,30}}(?: {LATIN_NAME})?\s?{HONORIFIC}",
        "titled": rf"(?<![0-9A-Za-z]){TITLE}{LATIN_NAME}(?:\s{LATIN_NAME}){{0,2}}(?![a-z])",
    }
    CONTEXT = ("様", "さん", "氏", "Mr", "Ms", "Dr")

    def invalidate_result(self, pattern_text: str) -> bool:
        """True for a word that only looks like a name with its honorific."""
        return NO_NAME.search(SUFFIX_AT_END.sub("", pattern_text)) is not None
