# The image of the services in compose.yaml that run this project: the scheduler, its workers, and the commands.
FROM python:3.13-slim-bookworm
COPY . /src
RUN pip install --no-cache-dir --constraint /src/constraints.txt "/src[dask,report,server,valkey]" && rm -r /src
# Not root; compose.yaml runs it as the user whose results folder it writes.
USER 1000:1000
ENV HOME=/tmp PYTHONUNBUFFERED=1
WORKDIR /data
CMD ["rate-limit-harness", "--help"]
