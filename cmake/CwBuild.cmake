# cw_build: how every target of ours is compiled. Options choose warnings as errors and sanitizers.
option(CW_WERROR "Treat warnings as errors" OFF)
set(CW_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (empty: none)")
option(CW_FUZZ "Build the libFuzzer targets (clang)" OFF)

find_package(PkgConfig REQUIRED)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq>=4.3)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl>=7.88)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.14)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.40)
pkg_check_modules(CONFUSE REQUIRED IMPORTED_TARGET libconfuse>=3.3)
pkg_check_modules(XML REQUIRED IMPORTED_TARGET libxml-2.0>=2.9)
pkg_check_modules(POPPLER REQUIRED IMPORTED_TARGET poppler-glib>=22.12)
pkg_check_modules(ZIP REQUIRED IMPORTED_TARGET libzip>=1.7)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd>=1.5)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc>=2.6)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto>=3.0)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp>=2.5)

add_library(cw_build INTERFACE)
target_include_directories(cw_build INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include)
target_compile_definitions(cw_build INTERFACE _GNU_SOURCE)
target_compile_options(cw_build INTERFACE
  -Wall -Wextra -Wshadow -Wvla -Wundef -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes
  -Wwrite-strings -Wformat=2 -Wno-missing-field-initializers
  -fno-common -fstack-protector-strong)
if(CW_WERROR)
  target_compile_options(cw_build INTERFACE -Werror)
endif()
if(CW_SANITIZE)
  target_compile_options(cw_build INTERFACE -fsanitize=${CW_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(cw_build INTERFACE -fsanitize=${CW_SANITIZE})
  target_compile_definitions(cw_build INTERFACE CW_SANITIZED=1)
else()
  target_compile_options(cw_build INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>)
  target_link_options(cw_build INTERFACE -Wl,-z,relro,-z,now)
endif()

if(CW_FUZZ)
  # Coverage of our own code for libFuzzer, without its main().
  target_compile_options(cw_build INTERFACE -fsanitize=fuzzer-no-link)
endif()

# cw_library(name SOURCES... LINK libraries...): one of our static libraries.
function(cw_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${name} PUBLIC cw_build ${ARG_LINK})
endfunction()

# cw_program(name MAIN main.c LINK libraries... DESTINATION dir): a thin main on a library.
function(cw_program name)
  cmake_parse_arguments(ARG "" "MAIN;DESTINATION" "LINK" ${ARGN})
  add_executable(${name} ${ARG_MAIN})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  install(TARGETS ${name} RUNTIME DESTINATION ${ARG_DESTINATION})
endfunction()

# Paths compiled in, for defaults: build/include/councilwatch/paths.h
configure_file(${PROJECT_SOURCE_DIR}/cmake/paths.h.in ${PROJECT_BINARY_DIR}/include/councilwatch/paths.h)
