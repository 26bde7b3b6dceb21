"""Entry point `export`: a finished student or teacher to ONNX again, fp32 and int8, each past its gate."""

from kdops.steps.export_config import ExportConfig
from kdops.steps.parameters import options

from . import cli


def export(**given: str) -> None:
    """Write the bundles of a finished run, fp32 and int8, each past its gate on validation texts."""
    config = cli.settings(ExportConfig, **given)
    cli.begins("export")
    from kdops.steps.export import export as run_export

    print(run_export(config))


main = cli.program(export, options(ExportConfig))

if __name__ == "__main__":
    main()
