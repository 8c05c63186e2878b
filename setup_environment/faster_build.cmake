# Compiles each generated C++ library in one go: nearly all of the time goes into reading the same headers.
# The generated C of rosidl_generator_c and the Python modules cannot be joined; they repeat names.
function(join_generated_sources)
  foreach(part typesupport_c typesupport_cpp typesupport_fastrtps_c typesupport_fastrtps_cpp
      typesupport_introspection_c typesupport_introspection_cpp)
    if(TARGET ${PROJECT_NAME}__rosidl_${part})
      set_target_properties(${PROJECT_NAME}__rosidl_${part} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
    endif()
  endforeach()
endfunction()

cmake_language(DEFER CALL join_generated_sources)
