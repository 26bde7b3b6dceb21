"""The configuration of a teacher's encoder."""

from transformers import AutoConfig, PretrainedConfig

from kdops.errors import UserError
from kdops.models.teachers.load_errors import cannot_load
from kdops.models.teachers.sources import PinnedSource, pinned_source
from kdops.models.transformers_log import quiet


def load_config(source: str | PinnedSource) -> PretrainedConfig:
    """The configuration of an encoder from a folder or a hub id.

    Raises:
        UserError: if it cannot be had, or is not an encoder's.
    """
    pinned = pinned_source(source) if isinstance(source, str) else source
    try:
        with quiet():
            config: PretrainedConfig = AutoConfig.from_pretrained(
                pinned.place, revision=pinned.revision, trust_remote_code=False
            )
    except Exception as error:  # whatever the file holds
        raise cannot_load(pinned.name, error) from error
    if config.is_encoder_decoder:
        raise UserError(f"teacher {pinned.name!r} is an encoder-decoder ({config.model_type}); give an encoder")
    return config
