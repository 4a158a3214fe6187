# docker build --tag jitcnn .
FROM python:3.11-slim
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY jitcnn jitcnn
COPY cli cli
COPY benchmarks/c benchmarks/c
RUN pip install --no-cache-dir '.[play,heic,tiff]' \
    && useradd --create-home jitcnn
USER jitcnn
WORKDIR /home/jitcnn
# A volume that is mounted here takes over this folder's owner.
RUN mkdir output
# Compile the kernels for the machine that builds; another processor compiles its own at the first use.
RUN jitcnn warmup
ENTRYPOINT ["jitcnn"]
CMD ["--help"]
