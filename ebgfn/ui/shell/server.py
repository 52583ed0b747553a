"""What keeps the server's answers quick: one torch thread, and a garbage collector that leaves the libraries alone."""

import gc

import streamlit as st
import torch

from ebgfn.nets.products import use_onednn


@st.cache_resource(show_spinner=False)
def settle() -> None:
    """Once a server, after the imports of a page.

    The pages' batches are small and many, and training runs beside them. With two threads on two busy cores each of the
    many small products waits for the slower one: six moves of 64 chains at K = 32 then took 860 ms, with one thread 84.

    Streamlit collects garbage after every run of a script and holds back the answer meanwhile; walking through 300,000
    objects of torch, plotly and pandas takes 160 ms each time. They live as long as the server: freezing excepts them.
    """
    torch.set_num_threads(1)
    use_onednn()
    gc.collect()
    gc.freeze()
