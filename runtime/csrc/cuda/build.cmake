# SPDX-License-Identifier: Apache-2.0
# The CUDA kernels. Their run time is linked in, and finds the driver only when it is used: the library loads anywhere.
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  if(SNNCC_CUDA STREQUAL "ON")
    message(FATAL_ERROR "SNNCC_CUDA=ON, but there is no CUDA compiler; put nvcc on the PATH or set CUDACXX")
  endif()
  message(STATUS "No CUDA compiler: building the CPU kernels only")
  return()
endif()

# nvcc knows its own range best: the oldest ones drop out as toolkits get newer, and the newest are not in older ones.
execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-arch OUTPUT_VARIABLE SNNCC_KNOWN_ARCHS)
set(SNNCC_ARCHS)
foreach(arch 75 80 86 89 90 100 120)
  if(SNNCC_KNOWN_ARCHS MATCHES "compute_${arch}[\r\n]")
    list(APPEND SNNCC_ARCHS ${arch}-real)
    set(SNNCC_NEWEST_ARCH ${arch})
  endif()
endforeach()
# Future generations compile the PTX of this one.
list(APPEND SNNCC_ARCHS ${SNNCC_NEWEST_ARCH}-virtual)
# Set this for a build for one machine.
set(CMAKE_CUDA_ARCHITECTURES "${SNNCC_ARCHS}" CACHE STRING "Architectures of the CUDA kernels")

enable_language(CUDA)
target_sources(snncc_ops PRIVATE
  csrc/cuda/coarse_fine.cu csrc/cuda/edges.cu csrc/cuda/few_spikes.cu csrc/cuda/neurons.cu csrc/cuda/over_time.cu csrc/cuda/slices.cu)
target_compile_definitions(snncc_ops PRIVATE SNNCC_CUDA)
set_target_properties(snncc_ops PROPERTIES
  CUDA_ARCHITECTURES "${CMAKE_CUDA_ARCHITECTURES}"
  CUDA_RUNTIME_LIBRARY Static
  CUDA_STANDARD 17
  CUDA_VISIBILITY_PRESET hidden)
target_compile_options(snncc_ops PRIVATE
  $<$<COMPILE_LANGUAGE:CUDA>:--fmad=false;-Werror=all-warnings;-Xcompiler=-Wall,-Wextra;--threads=0>)
