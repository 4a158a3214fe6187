"""Numerical kernels: loop nests over arrays and scalars.

==================  =======================================================================================
``conv/``           convolution: ``naive`` (the reference), ``loops`` (the same nest, compiled) and ``im2col``
``pool/``           the same for pooling; ``norm/`` and ``blur/`` have two implementations each
``engine/``         the fast algorithms, and ``plan``, which selects one
``simd/``           building blocks of the engine: register tiles and the memory layouts they read
``elementwise/``    elementwise operations: activations, dropout, losses, optimizers, augmentation
==================  =======================================================================================

Modules of one operation export the same names with the same signatures, and tests and benchmarks iterate over
them. Every function writes its result into arrays allocated by the caller; ``jitcnn.functional`` has already checked
shapes and dtypes.
"""
