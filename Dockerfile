# What `kdops serve` needs and nothing else, from the wheel, for those who have Docker; docs/serving.md says what of it
# was tried. The wheel is made by `make dist`:
#   docker build -t kdops-serve .
#   docker run --rm -p 127.0.0.1:5001:5001 -v ./path/to/bundle:/bundle:ro kdops-serve
#   docker run --rm -p 127.0.0.1:5001:5001 -e MLFLOW_TRACKING_URI=https://... kdops-serve models:/kdops-sample@champion
FROM python:3.13-slim AS build
COPY constraints.txt dist/*.whl /wheels/
RUN python -m venv --without-pip /kdops \
 && python -m pip --python /kdops/bin/python install --no-cache-dir --only-binary :all: -c /wheels/constraints.txt \
    "$(echo /wheels/kdops-*.whl)[serve]"

FROM python:3.13-slim
COPY --from=build /kdops /kdops
# It writes to its temporary folder only.
USER 65534:65534
ENV PATH=/kdops/bin:$PATH PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
EXPOSE 5001
HEALTHCHECK --interval=10s --start-period=60s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:5001/ready', timeout=5)"]
ENTRYPOINT ["kdops", "serve", "--host", "0.0.0.0"]
CMD ["/bundle"]
