package io.alchemist.feedback;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.GeneralCodingRules;
import org.junit.jupiter.api.Test;

class ArchitectureTest {
  private static final JavaClasses CLASSES = new ClassFileImporter()
      .withImportOption(new ImportOption.DoNotIncludeTests())
      .importPackages("io.alchemist");

  @Test
  void feedbackKnowsNothingElseOfTheProject() {
    classes().should().resideInAPackage("io.alchemist.feedback").check(CLASSES);
    noClasses()
        .should()
        .dependOnClassesThat(
            resideInAPackage("io.alchemist..").and(not(resideInAPackage("io.alchemist.feedback"))))
        .check(CLASSES);
  }

  @Test
  void sparkAndDeltaAreUsedByTheirPublicSide() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "org.apache.spark.sql.delta..",
            "org.apache.spark.sql.catalyst..",
            "org.apache.spark.sql.classic..",
            "org.apache.spark.sql.execution..",
            "org.apache.hadoop.fs..",
            "org.apache.hadoop.mapred..",
            "org.apache.hadoop.mapreduce..")
        .check(CLASSES);
  }

  @Test
  void nothingIsPrinted() {
    noClasses().should(GeneralCodingRules.ACCESS_STANDARD_STREAMS).check(CLASSES);
  }
}
