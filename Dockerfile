FROM python:3.12-slim

# Torch without CUDA is a tenth of the size: pass its wheel index, --build-arg TORCH_INDEX="--index-url ..." (see pytorch.org).
ARG TORCH_INDEX=""
RUN useradd --create-home --uid 1000 visitor
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir torch ${TORCH_INDEX} && pip install --no-cache-dir -r requirements.txt
COPY --chown=visitor . .
USER visitor
ENV EBGFN_HOSTED=1 EBGFN_HOME=/home/visitor/ebgfn
EXPOSE 8501
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://localhost:8501/_stcore/health')"]
CMD ["streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.headless=true", "--server.fileWatcherType=none"]
