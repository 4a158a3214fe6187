"""The arithmetic: nests of loops on arrays and numbers, nothing else.

==============  =====================================================================================================
``conv/``       convolution as ``naive`` (the oracle), as ``loops`` (the same nest, compiled) and as ``im2col``
``pool/``       the same for pooling; ``norm/`` and ``blur/`` in two forms each
``engine/``     the fast algorithms, and ``plan``, the one place that chooses among them
``simd/``       what the engine is made of: tiles of vector registers, and arrays in the order that they read
``elementwise/``  one number at a time: activations, dropout, losses, optimisers, augmentation
==============  =====================================================================================================

Modules for one operation export the same names with the same signatures, so that tests and the benchmark can loop over
them. Every function writes its result into arrays that the caller made; shapes and dtypes were checked upstairs, in
``jitcnn.functional``.
"""
