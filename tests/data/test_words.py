"""Words of all scripts: what a speaker of each language calls its words."""

import re
from itertools import pairwise
from unicodedata import category, normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_rnn import SequenceVectorizer
from sklearn_rnn._data.words import are_unspaced, find_words

# Everyday sentences. Their words stand between spaces and punctuation of their script.
SENTENCES = {
    "Hindi": ["यह फ़िल्म बहुत बुरी थी।", "मुझे कहानी अच्छी लगी, पर अंत बोर करता है।", "क्या आप ठीक हैं?"],
    "Marathi": ["मला हा चित्रपट खूप आवडला.", "आज पाऊस पडतो आहे, म्हणून मी घरी आहे."],
    "Nepali": ["मलाई नेपाली खाना मन पर्छ।", "तिमी कहाँ जान्छौ?"],
    "Sanskrit": ["सत्यमेव जयते।", "विद्या ददाति विनयं।"],
    "Bengali": ["ছবিটা খুব ভালো লাগল।", "তুমি কি আজ বাড়ি যাবে?", "র‍্যাম কিনতে হবে।"],
    "Assamese": ["মই ভাত খাওঁ।", "আপোনাৰ নাম কি?"],
    "Punjabi": ["ਮੈਨੂੰ ਇਹ ਫ਼ਿਲਮ ਬਹੁਤ ਪਸੰਦ ਹੈ।", "ਤੁਸੀਂ ਕਿੱਥੇ ਜਾ ਰਹੇ ਹੋ?"],
    "Gujarati": ["મને આ ફિલ્મ ખૂબ ગમી.", "તમે કેમ છો?"],
    "Odia": ["ମୁଁ ଭାତ ଖାଏ।", "ଆପଣ କେମିତି ଅଛନ୍ତି?"],
    "Tamil": ["இந்தப் படம் மிகவும் நன்றாக இருந்தது.", "நீங்கள் எங்கே போகிறீர்கள்?"],
    "Telugu": ["ఈ సినిమా చాలా బాగుంది.", "మీరు ఎక్కడికి వెళ్తున్నారు?"],
    "Kannada": ["ಈ ಚಿತ್ರ ತುಂಬಾ ಚೆನ್ನಾಗಿದೆ.", "ನೀವು ಎಲ್ಲಿಗೆ ಹೋಗುತ್ತಿದ್ದೀರಿ?"],
    "Malayalam": ["ഈ സിനിമ വളരെ നല്ലതാണ്.", "നിങ്ങൾ എവിടെ പോകുന്നു?", "അവന്‍ വന്നു."],
    "Sinhala": ["මේ චිත්‍රපටය හරිම ලස්සනයි.", "ශ්‍රී ලංකාව ලස්සන රටක්."],
    "Urdu": ["یہ فلم بہت اچھی تھی۔", "آپ کیسے ہیں؟", "مُجھے اُردُو پسند ہے۔"],
    "Arabic": ["أعجبني هذا الفيلم كثيرا، لكن النهاية مملة.", "كيف حالك؟", "شـــكرا"],
    "Arabic with vowels": ["كَانَ الفِيلْمُ جَمِيلًا جِدًّا.", "ذَهَبَ الوَلَدُ إِلَى المَدْرَسَةِ."],
    "Persian": ["می‌خواهم این فیلم را ببینم.", "کتاب‌های خوبی خریده‌ام، اما نخوانده‌ام."],
    "Kurdish": ["ئەم فیلمە زۆر باشە.", "Tu çawa yî?"],
    "Hebrew": ["הסרט היה טוב מאוד.", "צה\"ל וחז״ל, ג׳ירפה וצ'ק.", "מה שלומך?"],
    "Hebrew with points": ["שָׁלוֹם עֲלֵיכֶם.", "בְּרֵאשִׁית בָּרָא אֱלֹהִים."],
    "Yiddish": ["איך האָב ליב דעם פֿילם.", "װאָס הערט זיך?"],
    "Divehi": ["އަހަރެން މިރޭ ފިލްމެއް ބަލަން."],
    "Turkish": ["İstanbul'da hava çok güzel.", "Işıklar İzmir’de söndü.", "DİYARBAKIR ne güzel!"],
    "Azerbaijani": ["İndi hər şey yaxşıdır.", "Mən kitab oxuyuram."],
    "Kazakh": ["Маған бұл кино ұнады.", "Қалың қалай?"],
    "Uzbek": ["Bu kino juda yaxshi boʻldi.", "O‘zbekiston g‘olib."],
    "Vietnamese": ["Bộ phim này rất hay.", "Tôi không thích cái kết đó.", "Cảm ơn bạn nhiều!"],
    "Russian": ["Фильм мне очень понравился.", "Всё ещё идёт снег, а йогурт кончился."],
    "Ukrainian": ["П'ять хвилин тому я з’їв яблуко.", "Моя сімʼя їде до Києва."],
    "Belarusian": ["Мне спадабаўся гэты фільм.", "Сям'я жыве ў Мінску."],
    "Bulgarian": ["Филмът беше много хубав.", "Къде отиваш?"],
    "Mongolian": ["Энэ кино их сайхан байлаа.", "Өнөөдөр хүйтэн байна."],
    "Mongolian in its own script": ["ᠮᠣᠩᠭᠣᠯ ᠬᠡᠯᠡ"],
    "Greek": ["Η ταινία ήταν πολύ καλή.", "Ο ΔΡΟΜΟΣ ΕΙΝΑΙ ΜΕΓΑΛΟΣ.", "Τί κάνεις;"],
    "Ancient Greek": ["μῆνιν ἄειδε θεὰ Πηληϊάδεω Ἀχιλῆος"],
    "Armenian": ["Ֆիլմը շատ լավն էր։", "Ինչպե՞ս ես։", "Կեցցե՛ք, ընկերներ։"],
    "Georgian": ["ფილმი ძალიან კარგი იყო.", "როგორ ხარ?"],
    "Amharic": ["ፊልሙ በጣም ጥሩ ነበር።", "ሰላም፡ነው፡ወይ፧"],
    "Korean": ["이 영화는 정말 재미있어요.", "어디에 가세요?"],
    "German": ["Der Film war schön, aber die Straße zu laut.", "Übermäßig viel Gefühl!"],
    "French": ["L'été dernier, j'ai vu ce film à l’hôtel.", "Où êtes-vous né ?"],
    "Spanish": ["¿Dónde está el baño?", "¡Qué película más aburrida, señor!"],
    "Catalan": ["La pel·lícula és molt bona.", "L'any passat vaig anar a l’escola."],
    "Portuguese": ["Não gostei do coração da história.", "Você já viu?"],
    "Italian": ["Quest'anno è andata così.", "Perché no?"],
    "Romanian": ["Îmi place această poveste și țara.", "Într-o zi."],
    "Czech": ["Příliš žluťoučký kůň úpěl ďábelské ódy."],
    "Polish": ["Zażółć gęślą jaźń, proszę.", "Film był świetny."],
    "Hungarian": ["Árvíztűrő tükörfúrógép.", "Nagyon jó volt ez a film."],
    "Finnish": ["Elokuva oli hyvä, vaa'an kieli.", "Mitä kuuluu?"],
    "Swedish": ["Filmen var både rolig och spännande på sjön."],
    "Icelandic": ["Það var mjög góð kvikmynd."],
    "Latvian": ["Filma bija ļoti laba, šķiet."],
    "Lithuanian": ["Filmas buvo labai gražus, ačiū."],
    "Welsh": ["Mae'r ffilm yn dda iawn, ŵyr."],
    "Irish": ["Ba mhaith liom an scannán, a Sheáin."],
    "Yoruba": ["Ọjọ́ dára púpọ̀.", "Báwo ni ọ̀rẹ́ mi?"],
    "Hawaiian": ["Aloha kākou, ʻo wai kou inoa?"],
    "English": ["I didn't like it; you’ll hate it!", "It's naïve, isn't it?"],
}
PUNCTUATION = re.compile(r"[\s.,;:?!¿¡।۔؟،։።፡፧-]+")


def words_of(sentence):
    return [word for word in PUNCTUATION.split(sentence) if word]


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_words_are_those_of_the_language_composed_or_decomposed(language, written):
    analyze = SequenceVectorizer().build_analyzer()
    for sentence in SENTENCES[language]:
        expected = [normalize("NFC", word.lower()) for word in words_of(sentence)]
        assert analyze(normalize(written, sentence)) == expected


def test_words_of_real_differences_stay_different():
    assert find_words("बुरा बोर") == ["बुरा", "बोर"]
    assert len(SequenceVectorizer().fit(["बुरा बोर कल काला"]).vocabulary_) == 4


def test_a_gap_within_a_word_belongs_to_it_and_one_at_its_end_does_not():
    assert find_words("می‌روم خانه‌ می‌‌خواهم ‌") == ["می‌روم", "خانه", "می‌‌خواهم"]


def test_what_cannot_be_seen_makes_no_other_word():
    seen = ["Donau", "dampf", "schiff", "שלום", "عالم"]
    hidden = "Do\u00adnau \ufeffdampf sch\u2060iff \u200fשלום\u200e \u202bعالم\u202c"
    assert find_words(hidden) == seen


def test_signs_without_a_letter_are_no_words():
    assert find_words("\u0301 \u200d ' ’ · ״ ՞ … — 😀 ❤️") == []


apart_from_marks = st.text(
    st.characters(exclude_categories=("Mn", "Mc", "Me", "Cf", "Po", "Cs"))
    | st.sampled_from("ab'’\n.\"")
)


@given(apart_from_marks)
@settings(deadline=None)
def test_texts_without_marks_are_cut_as_scikit_learns_pattern_would(text):
    text = text.replace("‘", " ")
    hebrew_acronym = re.search('[א-ת]"[א-ת]', text)
    if not hebrew_acronym:
        assert find_words(text) == re.findall(r"(?u)\b\w+(?:['’]\w+)*\b", text)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_no_letter_is_lost_and_every_mark_on_a_letter_stays_with_it(text):
    words = find_words(text)
    assert [c for c in "".join(words) if c.isalnum()] == [c for c in text if c.isalnum()]
    for word in words:
        assert word[0].isalnum() or word[0] == "_"
        assert not any(c.isspace() for c in word)
    for before, mark in pairwise(text):
        if before.isalnum() and category(mark) in ("Mn", "Mc", "Me"):
            assert any(before + mark in word for word in words)


@pytest.mark.parametrize("run", ["\u0301", "\u200c", "'", "\u200d", "·", "a'", "\u200c\u0301"])
def test_long_runs_of_signs_take_no_more_than_linear_time(run):
    assert len(find_words("é" + run * 100_000)) <= 100_001


# ---- Scripts without spaces ------------------------------------------------------------------

UNSPACED = {
    "Thai": "ฉันชอบหนังเรื่องนี้มาก นักแสดงเล่นดี",
    "Lao": "ຂ້ອຍມັກຮູບເງົາເລື່ອງນີ້ຫຼາຍ",
    "Khmer": "ខ្ញុំចូលចិត្តខ្សែភាពយន្តនេះណាស់",
    "Burmese": "ဒီရုပ်ရှင်ကို ကျွန်တော်အရမ်းကြိုက်တယ်။",
    "Tibetan": "གློག་བརྙན་འདི་ཡག་པོ་འདུག",
    "Javanese": "ꦱꦸꦒꦼꦁꦫꦮꦸꦃ",
    "Chinese": "这部电影很好看，我喜欢。",
    "Japanese": "この映画はとても面白かったです。",
    "Chinese with a word of English": "这部电影 OK",
}


@pytest.mark.parametrize("language", UNSPACED)
def test_scripts_without_spaces_are_known_and_the_vectorizer_warns_once(language):
    assert are_unspaced([UNSPACED[language]])
    message = 'SequenceVectorizer: .*no spaces.*analyzer="char"'
    with pytest.warns(UserWarning, match=message) as caught:
        vectorizer = SequenceVectorizer().fit([UNSPACED[language]] * 3)
    assert len(caught) == 1
    vectorizer.transform([UNSPACED[language]])


@pytest.mark.parametrize("language", UNSPACED)
def test_characters_and_own_tokens_are_read_without_a_warning(language):
    texts = [UNSPACED[language]] * 2
    SequenceVectorizer(analyzer="char").fit(texts)
    SequenceVectorizer(tokenizer=list).fit(texts)
    SequenceVectorizer(token_pattern=r"\w").fit(texts)


@pytest.mark.parametrize("language", SENTENCES)
def test_scripts_with_spaces_are_known(language):
    assert not are_unspaced(SENTENCES[language])


@pytest.mark.parametrize(
    "text",
    [
        "这 部 电影 很 好看",
        "ฉัน ชอบ หนัง เรื่อง นี้ มาก",
        "ខ្ញុំ\u200bចូលចិត្ត\u200bខ្សែភាពយន្ត\u200bនេះ\u200bណាស់",
    ],
)
def test_words_that_a_program_has_cut_are_words(text):
    assert not are_unspaced([text])
    assert len(SequenceVectorizer().fit([text]).vocabulary_) >= 5


@pytest.mark.parametrize("text", ["", "123 !?", "An English text with 好 in it"])
def test_texts_with_few_letters_of_such_scripts_have_spaces(text):
    assert not are_unspaced([text])
