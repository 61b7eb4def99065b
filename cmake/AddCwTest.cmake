# add_cw_test(name LABEL unit SOURCES ... LINK ...): one cmocka executable, one test, one label.
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka>=1.1)
function(add_cw_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE cw_build ${ARG_LINK} PkgConfig::CMOCKA)
  target_compile_definitions(${name} PRIVATE CW_SOURCE_DIR="${PROJECT_SOURCE_DIR}" CW_BINARY_DIR="${PROJECT_BINARY_DIR}")
  add_test(NAME ${ARG_LABEL}/${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  set_tests_properties(${ARG_LABEL}/${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 120)
endfunction()

# add_cw_script(name LABEL scenario COMMAND ...): a test that is a program of its own. Exit 77 skips it.
function(add_cw_script name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "COMMAND" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${ARG_LABEL}/${name} COMMAND ${ARG_COMMAND} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  set_tests_properties(${ARG_LABEL}/${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} SKIP_RETURN_CODE 77
    ENVIRONMENT "CW_BIN=${PROJECT_BINARY_DIR}/bin;CW_SOURCE=${PROJECT_SOURCE_DIR};CW_BUILD=${PROJECT_BINARY_DIR}")
endfunction()
