# The manual page and the shells' completions, made by the program from its own option tables.
set(manuals ${PROJECT_BINARY_DIR}/generated)
add_custom_command(
  OUTPUT ${manuals}/tessera.1 ${manuals}/tessera.bash ${manuals}/_tessera
  COMMAND $<TARGET_FILE:tessera> manual > ${manuals}/tessera.1
  COMMAND $<TARGET_FILE:tessera> completion bash > ${manuals}/tessera.bash
  COMMAND $<TARGET_FILE:tessera> completion zsh > ${manuals}/_tessera
  DEPENDS tessera COMMENT "Writing the manual page and completions" VERBATIM)
add_custom_target(manuals ALL
  DEPENDS ${manuals}/tessera.1 ${manuals}/tessera.bash ${manuals}/_tessera)
install(FILES ${manuals}/tessera.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${manuals}/tessera.bash RENAME tessera
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${manuals}/_tessera DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
