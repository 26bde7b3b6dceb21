"""The public data sets of text classification: files, labels, licences, citations, known faults."""

from functools import partial

from kdops.data.catalog.card import INDONLU, INDONLU_CITATION, Cleaning, DatasetCard, Repository, aspects
from kdops.data.catalog.formats import decode_escapes, read_click_id, read_csv, read_marks, read_table, read_text_tsv
from kdops.task import Task

_INDOLEM = Repository("indolem/indolem", "777fdc680cfa85243f08e60045e3d34ca49756ed")
_CLICK_ID = Repository("andikawilliam/CLICK-ID", "802db14efdc9bc89aa204305a797d03101f032f1")
_PRDECT_ID = Repository(
    "rhiosutoyo/PRDECT-ID-Indonesian-Product-Reviews-Dataset", "5d4941b8e033cb59cd401690a5b166bb04ed0859"
)
_HATE_SPEECH = Repository(
    "okkyibrohim/id-multi-label-hate-speech-and-abusive-language-detection", "be98de98e974b65838d2b5145ee2c89e9bf53a6b"
)
_HATE = (
    "HS Abusive HS_Individual HS_Group HS_Religion HS_Race HS_Physical HS_Gender HS_Other HS_Weak HS_Moderate HS_Strong"
)
_CAR_ASPECTS = "fuel machine others part price service"
_HOTEL_ASPECTS = "ac air_panas bau general kebersihan linen service sunrise_meal tv wifi"
_HOTEL_MIXED = ("ac", "kebersihan", "linen", "service")
_EMOTIONS = ("anger", "fear", "happy", "love", "sadness")

TEXT_CARDS = (
    DatasetCard(
        name="smsa",
        task=Task.TEXT,
        files=INDONLU.splits(
            "dataset/smsa_doc-sentiment-prosa/{}_preprocess.tsv",
            train=("train", "50f38ceed9b31521bf1581e126620532cc9b790712938159a2cdcf6906977a9b", 2186718),
            validation=("valid", "6ab41ddc9d58a35086f05ebd2e209c74cb03d87d4f51d6abdfba674eafbefa74", 246974),
            test=("test", "4e8016daa8e4e1b193f2a28a79d3a7804dd4e3f926a3ab7e8a64264f5f416a6f", 75949),
        ),
        parser=read_text_tsv,
        labels=("negative", "neutral", "positive"),
        rows=(11000, 1260, 500),
        licence="Apache-2.0",
        citation="Purwarianti and Crisdayanti (2019), Improving Bi-LSTM Performance for Indonesian Sentiment Analysis; "
        f"{INDONLU_CITATION}",
        notes=(
            "test has another mix of labels (positive 42 %, negative 41 %, neutral 18 %) than train (58, 31 and 10 %)",
        ),
    ),
    DatasetCard(
        name="emot",
        task=Task.TEXT,
        files=INDONLU.splits(
            "dataset/emot_emotion-twitter/{}_preprocess.csv",
            train=("train", "51bb4e77d989004d0ca49c158f404d7eda956015a18b805401f7dee9b4d85fc1", 674924),
            validation=("valid", "3cba3d7b2cc3afa5cdd452a13df2498ff8a32b420f59ed10a48e41a452c98f50", 82619),
            test=("test", "e983b8e4b079a3b76f299cc801305f1098e35281f5b95636432981a2f2a1b461", 83445),
        ),
        parser=partial(read_csv, text="tweet", label="label"),
        labels=_EMOTIONS,
        rows=(3521, 440, 440),
        licence="Apache-2.0 in IndoNLU; CC-BY-NC-SA-4.0 upstream",
        citation="Saputri, Mahendra and Adriani (2018), Emotion Classification on Indonesian Twitter Dataset, IALP "
        f"2018; {INDONLU_CITATION}",
    ),
    DatasetCard(
        name="casa",
        task=Task.ASPECTS,
        files=INDONLU.splits(
            "dataset/casa_absa-prosa/{}_preprocess.csv",
            train=("train", "ffd2a88edf5e270cea79ad84d2ca4170c9a2fd71a38540280d5eb3b95d261f76", 109756),
            validation=("valid", "4ea114d060796e59944b1cf7f0ad7950bd0532024348a17d0f7c6b6464328424", 11952),
            test=("test", "843564f24c10d8360fe63395a821f94eb46985abddb94dba6865fcd0a29c70c7", 23421),
        ),
        parser=partial(read_table, text="sentence", label=_CAR_ASPECTS.replace(" ", ",")),
        labels=aspects(_CAR_ASPECTS.split(), ("negative", "neutral", "positive")),
        rows=(810, 90, 180),
        licence="Apache-2.0 in IndoNLU",
        citation="Ilmania, Abdurrahman, Cahyawijaya and Purwarianti (2018), Aspect Detection and Sentiment "
        "Classification Using Deep Neural Network for Indonesian Aspect-Based Sentiment Analysis, IALP 2018; "
        f"{INDONLU_CITATION}",
        notes=(
            "macro F1 over the values of all aspects together, as IndoNLU scores; 78 % of train are neutral",
            "1 text of test stands in the published train split too",
        ),
    ),
    DatasetCard(
        name="hoasa",
        task=Task.ASPECTS,
        files=INDONLU.splits(
            "dataset/hoasa_absa-airy/{}_preprocess.csv",
            train=("train", "752935b62235f1a719c5e526e4ac68b3ba452f84a2a6f911ef20cb855b23546d", 381239),
            validation=("valid", "7109001762f0bd83526d3de224c0ba5302bfb781eee6c1334aac8039a188f4fa", 48696),
            test=("test", "ce2c7c3f30359e08d4637eb65a05b5a685b888165d40b3133c48c99e1102b094", 46817),
        ),
        parser=partial(read_table, text="review", label=_HOTEL_ASPECTS.replace(" ", ",")),
        labels=aspects(_HOTEL_ASPECTS.split(), ("neg", "neut", "pos"), {name: "neg_pos" for name in _HOTEL_MIXED}),
        rows=(2283, 285, 286),
        licence="Apache-2.0 in IndoNLU",
        citation="Azhar, Khodra and Sutiono (2019), Multi-label Aspect Categorization with Convolutional Neural "
        f"Networks and Extreme Gradient Boosting, ICEEI 2019; {INDONLU_CITATION}",
        notes=(
            "macro F1 over the values of all aspects together, as IndoNLU scores; 81 % of train are neutral",
            "the value neg_pos stands 9 times in train, of four aspects, and in neither other split",
            "2 texts of test stand in the published train split too, 21 rows of train repeat others",
        ),
    ),
    DatasetCard(
        name="wrete",
        task=Task.TEXT,
        files=INDONLU.splits(
            "dataset/wrete_entailment-ui/{}_preprocess.csv",
            train=("train", "e135a85dad098127da179e305ebf0a1af63bc0cf06fdf79392293964d2920af3", 100641),
            validation=("valid", "623d0dc1389c37af6482277a05702329bddee96b73849f7341f9c5b269a55286", 18191),
            test=("test", "baf8ce69bee725d23cfa77e05276814b196f102da322e22fbd805761dbb0b51b", 32857),
        ),
        parser=partial(read_table, text="sent_A,sent_B", label="label"),
        labels=("Entail_or_Paraphrase", "NotEntail"),
        rows=(300, 50, 100),
        licence="Apache-2.0 in IndoNLU",
        citation="Setya and Mahendra (2018), Semi-supervised Textual Entailment on Indonesian Wikipedia Data, CICLing "
        f"2018; {INDONLU_CITATION}",
        notes=("few rows: the score of one seed says little",),
        pairs=True,
    ),
    DatasetCard(
        name="senta",
        task=Task.TEXT,
        files=_INDOLEM.splits(
            "sentiment/data/{}0.csv",
            train=("train", "fba0e0c1518e8fb481a8864baafdaa55e29766eaf4335d02da98cc0d80132527", 430152),
            validation=("dev", "4964a3d78a91df7c5ef5825fc80f5893f317acf1173ecaf09cfdbb997038256e", 48626),
            test=("test", "1eb8881f9f9330d4a5bc0f160e249a5ae2bea607b5118ea9105d8e9db20a4dfb", 120918),
        ),
        parser=partial(read_csv, text="sentence", label="sentiment", names={"0": "negative", "1": "positive"}),
        labels=("negative", "positive"),
        rows=(3638, 399, 1011),
        licence="none in the repository; catalogued elsewhere as CC-BY-SA-4.0",
        citation="Koto et al. (2020), IndoLEM and IndoBERT: A Benchmark Dataset and Pre-trained Language Model for "
        "Indonesian NLP, COLING 2020; Koto and Rahmaningtyas (2017), InSet Lexicon, IALP 2017",
        notes=("51 texts of test and 22 of validation stand in the published train split too",),
    ),
    DatasetCard(
        name="clickbait",
        task=Task.TEXT,
        files={
            "train": _CLICK_ID.file(
                "clickbait_dataset/main.xlsx",
                "ae728c49e54d7e49f997e54db1409d146ef657e46676ca3ae49271e56a5ac649",
                792772,
            )
        },
        parser=read_click_id,
        labels=("non-clickbait", "clickbait"),
        rows=(12000, 1500, 1500),
        licence="CC-BY-4.0",
        citation="William and Sari (2020), CLICK-ID: A novel dataset for Indonesian clickbait headlines, Data in Brief "
        "32",
    ),
    DatasetCard(
        name="prdect-emotion",
        task=Task.TEXT,
        files={
            "train": _PRDECT_ID.file(
                "Dataset/PRDECT-ID Dataset.csv",
                "73d0d5b11beb312ed286a30f5e972d574606227cc98b41a0324140bba5c7e348",
                1256777,
            )
        },
        parser=partial(read_csv, text="Customer Review", label="Emotion"),
        labels=_EMOTIONS,
        rows=(4318, 541, 541),
        licence="MIT",
        citation="Sutoyo, Achmad, Chowanda, Andangsari and Isa (2022), PRDECT-ID: Indonesian product reviews dataset "
        "for emotions classification tasks, Data in Brief 44",
        notes=("emoji were lost before publication: question marks stand for them",),
    ),
    DatasetCard(
        name="hate-speech",
        task=Task.MULTI_LABEL,
        files={
            "train": _HATE_SPEECH.file(
                "re_dataset.csv", "44c04e31ad4b7ee4a95f1884e7af4da2c44b69762143eb2de0ede7f90502735e", 1858473
            )
        },
        parser=partial(read_marks, text="Tweet", encoding="latin-1"),
        labels=tuple(_HATE.split()),
        rows=(10537, 1316, 1316),
        licence="CC-BY-NC-SA-4.0",
        citation="Ibrohim and Budi (2019), Multi-label Hate Speech and Abusive Language Detection in Indonesian "
        "Twitter, ALW3 2019",
        cleaning=Cleaning(r"escapes such as \n and \xf0\x9f\x98\x82 decoded", decode_escapes),
        notes=(
            "5,860 texts have none of the labels",
            "the file is Latin-1; letters and emoji that were lost before publication are left as they are",
        ),
    ),
)
