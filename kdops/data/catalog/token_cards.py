"""The public data sets of token classification: files, tags, licences, citations, known faults."""

from functools import partial

from kdops.data.catalog.card import INDONLU, INDONLU_CITATION, DatasetCard, Repository, iob2
from kdops.data.catalog.formats import read_table, read_word_lines, with_type
from kdops.task import Task

_TERMA = Repository("jordhy97/final_project", "54e480ded15b5a599029b8b0e5dd6815f2dcea8e")
_INDOLEM = Repository("indolem/indolem", "777fdc680cfa85243f08e60045e3d34ca49756ed")
_IDNER = Repository("khairunnisaor/idner-news-2k", "625ff40f85b03c615c036ef11bc23cb70c79987a")
_POS_TAGS = "CC CD DT FW IN JJ MD NEG NN NND NNP OD PR PRP RB RP SC SYM UH VB WH X Z"
_POSP_TAGS = "$$$ ADJ ADK ADV ART CCN CSN INT KUA NEG NNO NNP NUM PAR PPO PRI PRK PRN PRR SYM UNS VBE VBI VBL VBP VBT"
_BAPOS_TAGS = {
    "B": "CC CD DT FW IN JJ MD NEG NN NND NNP OD PR PRP RB RP SC SYM UH VB WH X Z",
    "I": "CC CD IN JJ NN NND NNP OD PR PRP RB SC SYM UH VB WH X Z",
}
_IDN_CORPUS = (
    "Dinakaramani, Rashel, Luthfi and Manurung (2014), Designing an Indonesian Part of Speech Tagset and Manually "
    "Tagged Indonesian Corpus, IALP 2014; Kurniawan and Aji (2018), Toward a Standardized and More Accurate Indonesian "
    "Part-of-Speech Tagging, IALP 2018"
)
_HOESEN = (
    "Hoesen and Purwarianti (2018), Investigating Bi-LSTM and CRF with POS Tag Embedding for Indonesian Named Entity "
    f"Tagger, IALP 2018; {INDONLU_CITATION}"
)
_PROSA_FAULTS = (
    "69 texts of test and 81 of validation stand in the published train split too, 330 rows of train repeat others",
    "136 sentences have a word whose 'per' was replaced by 'b-ppl' upstream (b-pplistiwa); they stay as they are",
)

TOKEN_CARDS = (
    DatasetCard(
        name="terma",
        task=Task.TOKEN,
        files=INDONLU.splits(
            "dataset/terma_term-extraction-airy/{}_preprocess.txt",
            train=("train", "5da1a89793eb0ea996874212e551a766d31f860c3797a186729bc6829b6a5610", 521607),
            test=("test", "79400c1ba527bcf08906e5193d11cad776200d0359cf68ece66394ba805ebdfa", 170322),
        )
        | {
            "validation": _TERMA.file(
                "data/reviews/train.txt", "50a4b9a1eac353338327561a282b6a62f223e45f741a12db26b52428cd99c134", 690190
            )
        },
        parser=read_word_lines,
        labels=iob2("ASPECT", "SENTIMENT"),
        rows=(3000, 1000, 1000),
        licence="Apache-2.0 in IndoNLU; none upstream",
        citation="Fernando, Khodra and Septiandri (2019), Aspect and Opinion Terms Extraction Using Double Embeddings "
        f"and Attention Mechanism for Indonesian Hotel Reviews, ICAICTA 2019; {INDONLU_CITATION}",
        scheme="iob2",
        parts={"validation": slice(3000, 4000)},
        notes=(
            "validation repaired: IndoNLU's file repeats rows 2000 to 2999 of its train file; rows 3000 to 3999 of the "
            "upstream train file, which IndoNLU left out, stand in for it",
            "15 I- tags have no B- before them (train 8, validation 2, test 5): each begins a span",
            "27 texts of test and 19 of validation stand in the published train split too",
        ),
    ),
    DatasetCard(
        name="pos",
        task=Task.TOKEN,
        files=_INDOLEM.splits(
            "pos_tagging/data/{}.01.tsv",
            train=("train", "6cf89137ac77b75a2872fbcf44ed32042795162ad3d73e0326836fa7ccfe1e01", 1796865),
            validation=("dev", "84e146c6cfd5a8fb3ffa95fc32bad958b4d9443e4d32ec56aec24ed1993ecc76", 201358),
            test=("test", "a2be120757ee50a78d7f6244be863e9cbba34c97b4b981bd63f2fc508a8c42c0", 502510),
        ),
        parser=read_word_lines,
        labels=tuple(_POS_TAGS.split()),
        rows=(7222, 802, 2006),
        licence="CC-BY-NC-SA-4.0",
        citation=f"{_IDN_CORPUS}; Koto et al. (2020), IndoLEM and IndoBERT, COLING 2020",
        notes=("the first of five published folds",),
    ),
    DatasetCard(
        name="nergrit",
        task=Task.TOKEN,
        files=INDONLU.splits(
            "dataset/nergrit_ner-grit/{}_preprocess.txt",
            train=("train", "4bbef1355fad21b405b5c511a7c80331a5ee71c91db9b82dc03efda5cb99f964", 522268),
            validation=("valid", "330ee7307f40f5e999110e02390243c07180b78c2e2a06f8a529ab46b0f4e907", 64884),
            test=("test", "30c4fbcdfc6d4093c4fc802b00fa1b0842df548317f0b7f152669f9bd805d816", 64073),
        ),
        parser=read_word_lines,
        labels=iob2("PERSON", "PLACE", "ORGANISATION"),
        rows=(1672, 209, 209),
        licence="learning or commercial use; keep the licence and the names of the contributors",
        citation=f"NERGrit contributors (2019), NERGrit Corpus; {INDONLU_CITATION}",
        scheme="iob2",
    ),
    DatasetCard(
        name="nerp",
        task=Task.TOKEN,
        files=INDONLU.splits(
            "dataset/nerp_ner-prosa/{}_preprocess.txt",
            train=("train", "0361c2b4a40298f00c027ad80b3c29a1f2a14c3d6fea91ec292820af25821a2d", 1387891),
            validation=("valid", "5e08679148ada73a809a52fbe9695ac8d9b0acfe4e3e8f686fa6ab16048b4863", 172835),
            test=("test", "c262b1bfd339e58ee347e1f7fd8fbc4584c61ed6e36e5da4786539611c80aa03", 176892),
        ),
        parser=read_word_lines,
        labels=iob2("PPL", "PLC", "IND", "EVT", "FNB"),
        rows=(6720, 840, 840),
        licence="Apache-2.0",
        citation=_HOESEN,
        scheme="iob2",
        notes=(
            *_PROSA_FAULTS,
            "229 texts stand in train with different tags, 352 in all splits together",
            "130 I- tags have no B- before them (train 101, validation 18, test 11): each begins a span",
        ),
    ),
    DatasetCard(
        name="posp",
        task=Task.TOKEN,
        files=INDONLU.splits(
            "dataset/posp_pos-prosa/{}_preprocess.txt",
            train=("train", "667d16f7e3e424fc1bf3d1aff8d99a0045ff07ca382c467f612d9ddc420803a1", 1922251),
            validation=("valid", "9af8289324391466c282132a8b47323b38e84daa3f0dd9b0d972da0a9f0970a9", 239887),
            test=("test", "bc3f87f79d3753598f3d83218405c29468d9cc8aab02482710110657f5dd36b6", 245068),
        ),
        parser=read_word_lines,
        labels=tuple(f"B-{tag}" for tag in _POSP_TAGS.split()),
        rows=(6720, 840, 840),
        licence="Apache-2.0",
        citation=_HOESEN,
        scheme="iob2",
        notes=(
            *_PROSA_FAULTS,
            "the sentences are those of nerp",
            "every tag is a B- tag, so every word is a span of its own",
        ),
    ),
    DatasetCard(
        name="bapos",
        task=Task.TOKEN,
        files=INDONLU.splits(
            "dataset/bapos_pos-idn/{}_preprocess.txt",
            train=("train", "260f0808b494335c77b5475348e016d7b64fdea1fbd07b45a232b84bc3c300b4", 2450176),
            validation=("valid", "599eebd10e01eaa452625939ff022c527abebedac4a91e84cddfa57abccc3a12", 300182),
            test=("test", "8a010362c128437669fdb95bc5627b5e24aaf8472baa4ba7689bf6cb66283405", 309758),
        ),
        parser=read_word_lines,
        labels=tuple(sorted(f"{place}-{tag}" for place in "BI" for tag in _BAPOS_TAGS[place].split())),
        rows=(8000, 1000, 1029),
        licence="Apache-2.0 in IndoNLU; CC-BY-NC-SA-4.0 upstream",
        citation=f"{_IDN_CORPUS}; {INDONLU_CITATION}",
        scheme="iob2",
        notes=(
            "parts of speech as spans: a word of several parts is one span",
            "the tag I-IN stands twice in validation and once in test, never in train: nothing can learn it",
            "50 rows of train repeat others",
            "the sentences are those of pos, split otherwise",
        ),
    ),
    DatasetCard(
        name="keps",
        task=Task.TOKEN,
        files=INDONLU.splits(
            "dataset/keps_keyword-extraction-prosa/{}_preprocess.txt",
            train=("train", "c863e6e4d4a16f1026aca198dd35ca018115e061c3352ee9268cd7b6b0f9f298", 82084),
            validation=("valid", "e3a3d38c9aaab0981b480a6d6ff6579e4453995b64e67744b7260a79f6fc38f3", 20291),
            test=("test", "e3b8de6ae8dca0442cb6ab7666f1f5aa504765f9e09896948c9d4e19ba2c49a5", 31667),
        ),
        parser=lambda path: with_type("KEYWORD", read_word_lines(path)),
        labels=iob2("KEYWORD"),
        rows=(800, 200, 247),
        licence="Apache-2.0 in IndoNLU",
        citation="Mahfuzh, Soleman and Purwarianti (2019), Improving Joint Layer RNN based Keyphrase Extraction by "
        f"Using Syntactical Features, ICAICTA 2019; {INDONLU_CITATION}",
        scheme="iob2",
        notes=(
            "the tags B and I of the files are read as B-KEYWORD and I-KEYWORD",
            "2 texts of validation stand in the published train split too",
        ),
    ),
    DatasetCard(
        name="facqa",
        task=Task.TOKEN,
        files=INDONLU.splits(
            "dataset/facqa_qa-factoid-itb/{}_preprocess.csv",
            train=("train", "cc738d6ec42cfb76eb36899616361c5d789ff8408afc94fbc2cdd102e7ce00cc", 2073762),
            validation=("valid", "ad0fa5056b141b4898f6de37f68416fe4e01c58e1e960a97e45b3b6b7cdfb5fd", 258917),
            test=("test", "30fe94736b1cc5532b7c60842d7bb06787e90623ea33943ac9150f32c3f4b6ca", 259289),
        ),
        parser=lambda path: with_type("ANSWER", read_table(path, text="question,passage", label="seq_label")),
        labels=iob2("ANSWER"),
        rows=(2495, 311, 311),
        licence="Apache-2.0 in IndoNLU",
        citation="Purwarianti, Tsuchiya and Nakagawa (2007), A Machine Learning Approach for Indonesian Question "
        f"Answering System, Artificial Intelligence and Applications 2007; {INDONLU_CITATION}",
        scheme="iob2",
        notes=(
            "a question and a passage, whose words are tagged; the tags B and I are read as B-ANSWER and I-ANSWER",
            "1 pair of validation stands in the published train split too, and 2 of train repeat others",
        ),
        pairs=True,
    ),
    DatasetCard(
        name="idner-news",
        task=Task.TOKEN,
        files=_IDNER.splits(
            "{}.txt",
            train=("train", "106da0fda132ff93832565b39b0e5b67dfc1cf0119d564dfdba8e943e40d437f", 459776),
            validation=("dev", "e21ef2c5ff90b1ef3f45d04cdf6756b107e4b530539312074bb7cff25f3b214b", 119118),
            test=("test", "7bd70172e7cd09d27f2f934862fdfb698facdc32b02061d7eae74c3ac3e24afb", 162267),
        ),
        parser=partial(read_word_lines, label_column="3"),
        labels=iob2("PER", "ORG", "LOC"),
        rows=(1464, 367, 509),
        licence="MIT",
        citation="Khairunnisa, Imankulova and Komachi (2020), Towards a Standardized Dataset on Indonesian Named "
        "Entity Recognition, AACL-IJCNLP 2020 Student Research Workshop",
        scheme="iob2",
    ),
)
