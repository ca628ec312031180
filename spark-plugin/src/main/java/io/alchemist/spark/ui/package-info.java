/**
 * The "Alchemist" tab of Spark's UI. One path serves the running application and the History Server: the driver posts
 * events on Spark's listener bus ({@link io.alchemist.spark.ui.FleetEvent}, {@link io.alchemist.spark.ui.RoundEvent},
 * {@link io.alchemist.spark.ui.AuditEvent}, {@link io.alchemist.spark.ui.VersionEvent},
 * {@link io.alchemist.spark.ui.StartedEvent}), which also writes them to the
 * event log; {@link io.alchemist.spark.ui.AlchemistListener} keeps what the page needs, and no more, in the
 * application's store; {@link io.alchemist.spark.ui.AlchemistTab} renders that store.
 */
@NullMarked
package io.alchemist.spark.ui;

import org.jspecify.annotations.NullMarked;
