# cmake -DIN=file -DOUT=header -DNAME=symbol -P EmbedText.cmake: a text file as a C string.
file(READ ${IN} text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n\t\"" text "${text}")
file(WRITE ${OUT} "/* Made from a text file by CMake. */\nstatic const char ${NAME}[] =\n\t\"${text}\";\n")
