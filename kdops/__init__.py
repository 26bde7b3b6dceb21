"""kdops: which small model can replace a fine-tuned BERT, how good is it, and what does it cost?"""

__version__ = "0.1.0"
